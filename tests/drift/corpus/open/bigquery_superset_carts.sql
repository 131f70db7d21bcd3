SELECT DATETIME_TRUNC(CAST(`created_at` AS DATETIME), MONTH) AS `__timestamp`,
       COUNT(DISTINCT CASE WHEN items > 0 THEN cart_id END) AS `Carts with items`,
       1 - COUNT(DISTINCT order_id) / COUNT(DISTINCT cart_id) AS `Abandonment`,
       SUM(amount) / COUNT(DISTINCT buyer) AS `Sales per shopper`
FROM
  (SELECT c.cart_id,
          c.items,
          c.created_at,
          o.order_id,
          o.amount,
          o.visitor_id AS buyer
   FROM core.carts c
   LEFT JOIN core.orders o ON o.cart_id = c.cart_id) AS `virtual_table`
WHERE `created_at` >= CAST('2025-01-01T00:00:00.000000' AS TIMESTAMP)
  AND `created_at` < CAST('2026-01-01T00:00:00.000000' AS TIMESTAMP)
GROUP BY `__timestamp`
ORDER BY `Carts with items` DESC
LIMIT 10000
