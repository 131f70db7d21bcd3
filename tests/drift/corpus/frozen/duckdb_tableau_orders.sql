SELECT DATE_TRUNC('MONTH', CAST("orders"."ordered_at" AS DATE)) AS "tmn:ordered_at:ok",
  SUM("orders"."amount") AS "sum:amount:ok",
  (SUM("orders"."amount") / COUNT(DISTINCT "orders"."user_id")) AS "usr:Sales per Shopper:qk",
  (CAST(COUNT("orders"."returned_on") AS DOUBLE) / COUNT("orders"."order_id")) AS "usr:Return Rate:qk"
FROM "main"."orders" "orders"
GROUP BY 1
