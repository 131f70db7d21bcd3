SELECT date(happened_at) AS day,
       count(*) AS n,
       count(*) FILTER (WHERE user_id IS NULL)::numeric / count(*) AS anonymous_share
FROM product_events
WHERE happened_at >= current_date - 14
GROUP BY 1
HAVING count(*) < 100 OR count(*) FILTER (WHERE user_id IS NULL) > 0.2 * count(*)
