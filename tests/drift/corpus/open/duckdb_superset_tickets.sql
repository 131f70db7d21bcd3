SELECT priority AS priority,
       COUNT(*) AS count,
       COUNT(CASE WHEN resolved_at <= sla_due_at THEN 1 END) / COUNT(*) AS "in time",
       COUNT(CASE WHEN resolved_at <= sla_due_at THEN 1 END) / COUNT(resolved_at) AS "in time of resolved",
       COUNT(escalated_at) / COUNT(*) AS escalated
FROM main.tickets
WHERE opened_at >= '2024-03-01 00:00:00'
  AND opened_at < '2024-04-01 00:00:00'
GROUP BY priority
ORDER BY count DESC
LIMIT 1000
