-- Revenue of the last 28 days, for each day of June 2025 and each of the suppliers.
WITH daily AS (
  SELECT l_shipdate AS day, l_suppkey AS supplier, SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  WHERE l_shipdate BETWEEN DATE '2025-05-05' AND DATE '2025-06-30'
  GROUP BY ALL
)
SELECT date_day, supplier, SUM(revenue) AS revenue_28_days
FROM days
JOIN daily ON day <= date_day AND day > date_day - INTERVAL 28 DAYS
WHERE date_day BETWEEN DATE '2025-06-01' AND DATE '2025-06-30'
GROUP BY ALL
ORDER BY ALL
