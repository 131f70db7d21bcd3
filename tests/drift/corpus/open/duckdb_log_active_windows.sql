/* app=growth-notebook user=growth_analyst elapsed_ms=1842 rows=912 */
SELECT d.on_day, count(DISTINCT CASE WHEN e.happened_at >= d.on_day - INTERVAL 6 DAY THEN e.user_id END) AS wau, count(DISTINCT e.user_id) AS mau FROM calendar_days d LEFT JOIN product_events e ON e.happened_at >= d.on_day - INTERVAL 27 DAY AND e.happened_at < d.on_day + INTERVAL 1 DAY GROUP BY d.on_day ORDER BY d.on_day
