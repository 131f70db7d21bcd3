SELECT CAST(DATE_TRUNC( 'DAY', CAST("product_events"."happened_at" AS DATE) ) AS DATE) AS "tdy:happened_at:ok",
  "product_events"."name" AS "name",
  COUNT(DISTINCT "product_events"."user_id") AS "ctd:user_id:ok",
  SUM("product_events"."quantity") AS "sum:quantity:ok",
  COUNT(1) AS "sum:Number of Records:ok"
FROM "public"."product_events" "product_events"
WHERE ("product_events"."name" = 'report_created')
GROUP BY 1,
  2
