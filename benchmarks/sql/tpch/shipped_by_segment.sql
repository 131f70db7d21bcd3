-- What was ordered and what was shipped in each month, by the customer's segment.
WITH ordered AS (
  SELECT
    DATE_TRUNC('month', o_orderdate) AS month,
    c_mktsegment AS segment,
    COUNT(*) AS orders,
    SUM(o_totalprice) AS order_value
  FROM orders
  JOIN customer ON c_custkey = o_custkey
  GROUP BY ALL
), shipped AS (
  SELECT
    DATE_TRUNC('month', l_shipdate) AS month,
    c_mktsegment AS segment,
    SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  JOIN orders ON o_orderkey = l_orderkey
  JOIN customer ON c_custkey = o_custkey
  GROUP BY ALL
)
SELECT month, segment, orders, order_value, revenue, revenue / orders AS revenue_per_order
FROM ordered
FULL JOIN shipped USING (month, segment)
ORDER BY ALL
