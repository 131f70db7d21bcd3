-- Revenue of the month so far, for each day of 2025 and way of shipping.
WITH daily AS (
  SELECT l_shipdate AS day, l_shipmode AS mode, SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  WHERE l_shipdate BETWEEN DATE '2025-01-01' AND DATE '2025-12-31'
  GROUP BY ALL
)
SELECT
  day,
  mode,
  SUM(revenue) OVER (PARTITION BY mode, DATE_TRUNC('month', day) ORDER BY day) AS revenue_mtd
FROM daily
ORDER BY ALL
