-- People budget: what present employees cost a month, and what their courses cost
WITH COURSES AS (
    SELECT EMPLOYEE_ID, SUM(COST) AS COURSE_COST, MAX(HELD_ON) AS LAST_COURSE_ON
    FROM CORE.TRAINING
    GROUP BY EMPLOYEE_ID
)
SELECT
    E.DEPARTMENT,
    SUM(E.MONTHLY_COST)                                              AS MONTHLY_PAYROLL,
    MEDIAN(E.MONTHLY_COST)                                           AS MEDIAN_SALARY,
    AVG(DATEDIFF('MONTH', E.HIRED_ON, '2026-06-30'::DATE)) / 12      AS AVG_TENURE_YEARS,
    SUM(NVL(C.COURSE_COST, 0))                                       AS COURSE_COST,
    MAX(C.LAST_COURSE_ON)                                            AS LAST_COURSE_ON
FROM CORE.EMPLOYEES E
LEFT JOIN COURSES C ON C.EMPLOYEE_ID = E.EMPLOYEE_ID
WHERE E.LEFT_ON IS NULL
GROUP BY E.DEPARTMENT
ORDER BY MONTHLY_PAYROLL DESC;
