-- Looker Query Context '{"user_id":112,"history_slug":"c04d9e","instance_slug":"acme"}'
SELECT
    (FORMAT_DATE('%Y-%m', timesheets.worked_on )) AS timesheets_worked_month,
    consultants.level  AS consultants_level,
    COALESCE(SUM(CASE WHEN timesheets.is_billable  THEN timesheets.hours * timesheets.rate  ELSE NULL END), 0) AS timesheets_billable_value,
    AVG(CASE WHEN timesheets.is_billable  THEN timesheets.rate  ELSE NULL END) AS timesheets_average_rate
FROM `acme-prod.core.timesheets`  AS timesheets
LEFT JOIN `acme-prod.core.consultants`  AS consultants ON timesheets.consultant_id = consultants.consultant_id
WHERE ((( timesheets.worked_on ) >= (DATE('2025-07-01')) AND ( timesheets.worked_on ) < (DATE('2026-01-01'))))
GROUP BY
    1,
    2
ORDER BY
    1 DESC
LIMIT 5000
