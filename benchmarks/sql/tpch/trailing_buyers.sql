-- Customers who ordered within the last 28 days, for each day of 2025 and segment.
WITH active AS (
  SELECT DISTINCT o_orderdate AS day, c_mktsegment AS segment, o_custkey
  FROM orders
  JOIN customer ON c_custkey = o_custkey
  WHERE o_orderdate BETWEEN DATE '2024-12-05' AND DATE '2025-12-31'
)
SELECT date_day, segment, COUNT(DISTINCT o_custkey) AS buyers_28_days
FROM days
JOIN active ON day <= date_day AND day > date_day - INTERVAL 28 DAYS
WHERE date_day BETWEEN DATE '2025-01-01' AND DATE '2025-12-31'
GROUP BY ALL
ORDER BY ALL
