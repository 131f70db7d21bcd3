-- Orders by month and segment: seven numbers of one table. None is no value.
SELECT
  DATE_TRUNC('month', o_orderdate) AS month,
  c_mktsegment,
  COUNT(*) AS orders,
  SUM(o_totalprice) AS order_value,
  SUM(o_totalprice) / COUNT(*) AS average_order_value,
  COUNT(DISTINCT o_custkey) AS buyers,
  NULLIF(COUNT(*) FILTER (o_orderpriority = '1-URGENT'), 0) AS urgent_orders,
  NULLIF(COUNT(*) FILTER (o_orderpriority = '1-URGENT'), 0) / COUNT(*) AS urgent_share,
  SUM(o_totalprice) FILTER (o_orderstatus = 'F') AS fulfilled_value
FROM orders
JOIN customer ON c_custkey = o_custkey
GROUP BY ALL
ORDER BY ALL
