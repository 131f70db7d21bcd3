-- What was ordered and what was shipped in each month.
WITH ordered AS (
  SELECT
    DATE_TRUNC('month', o_orderdate) AS month,
    COUNT(*) AS orders,
    SUM(o_totalprice) AS order_value
  FROM orders
  GROUP BY ALL
), shipped AS (
  SELECT
    DATE_TRUNC('month', l_shipdate) AS month,
    SUM(l_extendedprice * (1 - l_discount)) AS revenue
  FROM lineitem
  GROUP BY ALL
)
SELECT month, orders, order_value, revenue, revenue / orders AS revenue_per_order
FROM ordered
FULL JOIN shipped USING (month)
ORDER BY month
