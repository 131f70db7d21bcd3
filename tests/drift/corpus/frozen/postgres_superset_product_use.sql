SELECT DATE_TRUNC('month', happened_at) AS __timestamp,
       COUNT(DISTINCT CASE
                          WHEN name = 'dashboard_viewed' THEN user_id
                      END) AS "Dashboard users",
       COUNT(DISTINCT CASE
                          WHEN name = 'dashboard_viewed' THEN user_id
                      END)::float / NULLIF(COUNT(DISTINCT user_id), 0) AS "Dashboard adoption",
       COUNT(DISTINCT CASE
                          WHEN name = 'export' THEN COALESCE(user_id, 0)
                      END) AS "Export users",
       COUNT(*) * 1.0 / COUNT(DISTINCT user_id) AS "Events per user"
FROM
  (SELECT e.event_id,
          e.user_id,
          e.name,
          e.happened_at,
          u.role
   FROM product_events e
   LEFT JOIN users u ON u.user_id = e.user_id) AS virtual_table
WHERE happened_at >= '2025-07-01 00:00:00'
  AND happened_at < '2026-07-01 00:00:00'
GROUP BY DATE_TRUNC('month', happened_at)
ORDER BY __timestamp DESC
LIMIT 10000
