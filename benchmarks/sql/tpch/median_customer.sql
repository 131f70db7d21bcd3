-- The median of what a customer ordered in 2023, by segment; as a double, since DuckDB rounds the
-- median of decimals to their digits.
WITH spent AS (
  SELECT o_custkey, SUM(o_totalprice) AS order_value
  FROM orders
  WHERE o_orderdate BETWEEN DATE '2023-01-01' AND DATE '2023-12-31'
  GROUP BY o_custkey
)
SELECT c_mktsegment, MEDIAN(CAST(order_value AS DOUBLE)) AS median_customer_value
FROM spent
JOIN customer ON c_custkey = o_custkey
GROUP BY c_mktsegment
ORDER BY c_mktsegment
