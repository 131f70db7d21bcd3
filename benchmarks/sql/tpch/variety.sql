-- How many products and suppliers had sales, by quarter and nation of the supplier.
SELECT
  DATE_TRUNC('quarter', l_shipdate) AS quarter,
  n_name AS nation,
  COUNT(DISTINCT l_partkey) AS products_sold,
  COUNT(DISTINCT l_suppkey) AS suppliers_selling
FROM lineitem
JOIN supplier ON s_suppkey = l_suppkey
JOIN nation ON n_nationkey = s_nationkey
GROUP BY ALL
ORDER BY ALL
