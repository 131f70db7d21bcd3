-- duration: 88.120 ms  statement:
SELECT t.priority,
       count(*) AS tickets,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.first_reply_minutes / 60.0) AS reply_hours_median,
       avg(t.first_reply_minutes) / 60.0 AS reply_hours_mean
FROM tickets t
WHERE t.opened_at >= '2024-06-01' AND t.opened_at < '2024-07-01'
GROUP BY t.priority
