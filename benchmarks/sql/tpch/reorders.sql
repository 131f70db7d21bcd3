-- The part of the urgent orders after which the customer ordered without hurry within 60 days;
-- an order belongs to the latest urgent order before it.
WITH urgent AS (
  SELECT DISTINCT o_custkey, o_orderdate FROM orders WHERE o_orderpriority = '1-URGENT'
), followed AS (
  SELECT DATE_TRUNC('month', urgent.o_orderdate) AS month, COUNT(*) AS conversions
  FROM orders AS later
  ASOF JOIN urgent
    ON later.o_custkey = urgent.o_custkey AND later.o_orderdate >= urgent.o_orderdate
  WHERE later.o_orderpriority = '5-LOW'
    AND urgent.o_orderdate > later.o_orderdate - INTERVAL 60 DAYS
  GROUP BY ALL
), base AS (
  SELECT DATE_TRUNC('month', o_orderdate) AS month, COUNT(*) AS urgent_orders
  FROM orders
  WHERE o_orderpriority = '1-URGENT'
  GROUP BY ALL
)
SELECT month, conversions / urgent_orders AS reorder_rate
FROM base
LEFT JOIN followed USING (month)
ORDER BY month
