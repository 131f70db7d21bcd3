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
SELECT day, nation, SUM(revenue) OVER (PARTITION BY nation ORDER BY day) AS revenue_to_date
FROM daily
ORDER BY ALL
