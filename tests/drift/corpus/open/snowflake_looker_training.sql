-- Looker Query Context '{"user_id":112,"history_slug":"c07e44","dashboard_id":"58"}'
SELECT
    TO_CHAR(DATE_TRUNC('month', training.HELD_ON ), 'YYYY-MM') AS "training.held_month",
    employees.DEPARTMENT  AS "employees.department",
    COALESCE(SUM(training.HOURS ), 0) AS "training.total_hours",
    COALESCE(SUM(training.HOURS ), 0) / NULLIF(COUNT(DISTINCT training.EMPLOYEE_ID ), 0) AS "training.hours_per_employee",
    COUNT(DISTINCT training.COURSE ) AS "training.courses"
FROM CORE.TRAINING  AS training
LEFT JOIN CORE.EMPLOYEES  AS employees ON training.EMPLOYEE_ID = employees.EMPLOYEE_ID
WHERE ((( training.HELD_ON  ) >= ((TO_DATE('2024-01-01')))))
GROUP BY
    1, 2
ORDER BY
    1 DESC
FETCH NEXT 500 ROWS ONLY
