-- Order value by month and segment, beside that of the same month a year before.
WITH monthly AS (
  SELECT
    DATE_TRUNC('month', o_orderdate) AS month,
    c_mktsegment AS segment,
    SUM(o_totalprice) AS order_value
  FROM orders
  JOIN customer ON c_custkey = o_custkey
  WHERE o_orderdate BETWEEN DATE '2022-01-01' AND DATE '2025-12-31'
  GROUP BY ALL
)
SELECT
  month,
  segment,
  now.order_value,
  before.order_value AS order_value_prior_year,
  now.order_value / before.order_value - 1 AS order_value_growth
FROM monthly AS now
JOIN (SELECT month + INTERVAL 1 YEAR AS month, segment, order_value FROM monthly) AS before
  USING (month, segment)
WHERE month BETWEEN DATE '2023-01-01' AND DATE '2025-12-31'
ORDER BY ALL
