SELECT DATE_TRUNC('month', worked_on) AS __timestamp,
       team AS team,
       sum(hours) AS "SUM(hours)",
       sum(hours * rate) AS "billable value",
       sum(CASE WHEN is_billable THEN hours ELSE 0 END) / nullif(sum(hours), 0) AS "utilisation"
FROM
  (SELECT t.*, c.team, c.level
   FROM timesheets t
   JOIN consultants c ON c.consultant_id = t.consultant_id) AS virtual_table
WHERE worked_on >= '2024-01-01'
  AND worked_on < '2025-01-01'
GROUP BY DATE_TRUNC('month', worked_on), team
ORDER BY "SUM(hours)" DESC
LIMIT 10000
