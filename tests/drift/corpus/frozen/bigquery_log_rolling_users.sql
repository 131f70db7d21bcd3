-- job_id: bquxjob_5c1e70a2, user: product-analytics@example.com
SELECT
  d.on_day,
  COUNT(DISTINCT IF(DATE_DIFF(d.on_day, DATE(e.happened_at), DAY) < 7, e.user_id, NULL)) AS users_7d,
  COUNT(DISTINCT e.user_id) AS users_30d
FROM core.calendar_days AS d
JOIN core.product_events AS e
  ON DATE(e.happened_at) BETWEEN DATE_SUB(d.on_day, INTERVAL 29 DAY) AND d.on_day
WHERE d.on_day BETWEEN '2026-01-01' AND '2026-03-31'
GROUP BY d.on_day
ORDER BY d.on_day
