-- The part of the order lines that came after the promised day, by month and way of shipping.
-- None is no value.
SELECT
  DATE_TRUNC('month', l_shipdate) AS month,
  l_shipmode,
  NULLIF(COUNT(*) FILTER (l_receiptdate > l_commitdate), 0) AS late_lines,
  NULLIF(COUNT(*) FILTER (l_receiptdate > l_commitdate), 0) / COUNT(*) AS late_share
FROM lineitem
GROUP BY ALL
ORDER BY ALL
