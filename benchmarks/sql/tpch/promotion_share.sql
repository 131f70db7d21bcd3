-- TPC-H query 14; a month without promotions has no value.
SELECT
  100.00 * SUM(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) END)
    / SUM(l_extendedprice * (1 - l_discount)) AS promo_revenue
FROM lineitem, part
WHERE l_partkey = p_partkey
  AND l_shipdate >= DATE '2023-09-01'
  AND l_shipdate < DATE '2023-09-01' + INTERVAL 1 MONTH
