SELECT
  DATE_TRUNC('month', "source"."signed_up_at") AS "signed_up_at",
  COUNT(*) AS "count",
  CAST(SUM(CASE WHEN "source"."first_report" <= "source"."signed_up_at" + INTERVAL 7 DAY
           THEN 1 ELSE 0 END) AS DOUBLE) / NULLIF(COUNT(*), 0) AS "Activation rate",
  MEDIAN(DATE_DIFF('day', CAST("source"."signed_up_at" AS DATE),
                   CAST("source"."first_report" AS DATE))) AS "median"
FROM (
  SELECT
    "main"."users"."user_id" AS "user_id",
    "main"."users"."signed_up_at" AS "signed_up_at",
    MIN("Product Events"."happened_at") AS "first_report"
  FROM "main"."users"
  LEFT JOIN "main"."product_events" AS "Product Events"
    ON "main"."users"."user_id" = "Product Events"."user_id"
    AND "Product Events"."name" = 'report_created'
  GROUP BY
    "main"."users"."user_id",
    "main"."users"."signed_up_at"
) AS "source"
GROUP BY DATE_TRUNC('month', "source"."signed_up_at")
ORDER BY DATE_TRUNC('month', "source"."signed_up_at") ASC
