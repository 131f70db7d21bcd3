-- Revenue since the beginning, for each day of June 2025 and nation of the supplier.
WITH daily AS (
  SELECT
    GREATEST(l_shipdate, DATE '2025-06-01') AS day,
    n_name AS nation,
    SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  JOIN supplier ON s_suppkey = l_suppkey
  JOIN nation ON n_nationkey = s_nationkey
  WHERE l_shipdate <= DATE '2025-06-30'
  GROUP BY ALL
)
SELECT date_day, nation, SUM(revenue) AS revenue_to_date
FROM days
JOIN daily ON day <= date_day
WHERE date_day BETWEEN DATE '2025-06-01' AND DATE '2025-06-30'
GROUP BY ALL
ORDER BY ALL
