WITH daily AS (
  SELECT DISTINCT user_id, CAST(happened_at AS DATE) AS day
  FROM product_events
  WHERE user_id IS NOT NULL
)
SELECT day, COUNT(*) AS dau
FROM daily
WHERE day >= DATE '2024-01-01'
GROUP BY day
