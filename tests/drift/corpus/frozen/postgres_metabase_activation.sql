-- Metabase:: userID: 17 queryType: native queryHash: 5be0c1
SELECT
  CAST(DATE_TRUNC('month', "source"."signed_up_at") AS date) AS "signed_up_at",
  COUNT(*) AS "count",
  SUM(CASE WHEN "source"."days" <= 7 THEN 1 ELSE 0 END) AS "Activated",
  PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY "source"."days") AS "Median days to report",
  SUM(CASE WHEN "source"."days" <= 7 THEN 1.0 ELSE 0.0 END) / NULLIF(COUNT("source"."days"), 0) AS "Activation rate"
FROM
  (
    SELECT
      "public"."users"."user_id" AS "user_id",
      "public"."users"."signed_up_at" AS "signed_up_at",
      MIN("Reports"."happened_at")::date - "public"."users"."signed_up_at"::date AS "days"
    FROM
      "public"."users"
      LEFT JOIN "public"."product_events" AS "Reports"
        ON "public"."users"."user_id" = "Reports"."user_id"
        AND "Reports"."name" = 'report_created'
    GROUP BY
      "public"."users"."user_id",
      "public"."users"."signed_up_at"
  ) AS "source"
GROUP BY
  CAST(DATE_TRUNC('month', "source"."signed_up_at") AS date)
ORDER BY
  CAST(DATE_TRUNC('month', "source"."signed_up_at") AS date) ASC
