-- Metabase:: userID: 31 queryType: native queryHash: 41c77de0
WITH placed AS (
  SELECT DATE_TRUNC(DATE(ordered_at), MONTH) AS month,
         SUM(amount) / COUNT(DISTINCT visitor_id) AS sales_per_shopper,
         COUNT(*) AS orders
  FROM shop.orders
  GROUP BY 1
), returned AS (
  SELECT DATE_TRUNC(returned_on, MONTH) AS month, COUNT(*) AS returns
  FROM shop.orders
  WHERE returned_on IS NOT NULL
  GROUP BY 1
), filled AS (
  SELECT DATE_TRUNC(DATE(c.created_at), MONTH) AS month,
         COUNTIF(o.order_id IS NULL) / COUNT(*) AS abandonment
  FROM shop.carts c
  LEFT JOIN shop.orders o ON o.cart_id = c.cart_id
  GROUP BY 1
)
SELECT placed.month AS `Month`,
       placed.sales_per_shopper AS `Sales per Shopper`,
       COALESCE(returned.returns, 0) / placed.orders AS `Return Rate`,
       filled.abandonment AS `Cart Abandonment`
FROM placed
LEFT JOIN returned ON returned.month = placed.month
LEFT JOIN filled ON filled.month = placed.month
ORDER BY 1
LIMIT 2000
