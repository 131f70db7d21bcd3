-- Revenue of the last 7 and 28 days, for each day of 2025 and way of shipping.
WITH daily AS (
  SELECT l_shipdate AS day, l_shipmode AS mode, SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  WHERE l_shipdate BETWEEN DATE '2024-12-05' AND DATE '2025-12-31'
  GROUP BY ALL
), windowed AS (
  SELECT
    day,
    mode,
    SUM(revenue) OVER (
      PARTITION BY mode ORDER BY day RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW
    ) AS revenue_7_days,
    SUM(revenue) OVER (
      PARTITION BY mode ORDER BY day RANGE BETWEEN INTERVAL 27 DAYS PRECEDING AND CURRENT ROW
    ) AS revenue_28_days
  FROM daily
)
SELECT * FROM windowed WHERE day >= DATE '2025-01-01' ORDER BY ALL
