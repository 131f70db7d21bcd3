-- Revenue of the last 7 and 28 days, for each day of 2025 and way of shipping.
WITH daily AS (
  SELECT l_shipdate AS day, l_shipmode AS mode, SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  WHERE l_shipdate BETWEEN DATE '2024-12-05' AND DATE '2025-12-31'
  GROUP BY ALL
)
SELECT
  date_day,
  mode,
  SUM(revenue) FILTER (day > date_day - INTERVAL 7 DAYS) AS revenue_7_days,
  SUM(revenue) AS revenue_28_days
FROM days
JOIN daily ON day <= date_day AND day > date_day - INTERVAL 28 DAYS
WHERE date_day BETWEEN DATE '2025-01-01' AND DATE '2025-12-31'
GROUP BY ALL
ORDER BY ALL
