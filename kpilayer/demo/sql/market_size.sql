WITH months AS (
  SELECT
    date_trunc('month', month_end)::DATE AS month_on,
    datediff('month', first_day(), month_end) AS turn
  FROM month_ends()
)
SELECT
  row_number() OVER (ORDER BY month_on, region_id)::BIGINT AS market_id,
  month_on::DATE AS month_on,
  region_id::INTEGER AS region_id,
  (
    scaled(
      [92, 18, 44, 51, 33, 21, 47, 14][region_id]
      * (1000 + turn * 9 + dice('market', turn * 100 + region_id) % 24)
      * 600
    )
  )::DECIMAL(16, 2) AS amount
FROM months
CROSS JOIN regions
ORDER BY market_id
