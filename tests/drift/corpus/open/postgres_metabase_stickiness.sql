WITH daily AS (
  SELECT "public"."product_events"."happened_at"::date AS "day", COUNT(DISTINCT "public"."product_events"."user_id") AS "dau"
  FROM "public"."product_events"
  GROUP BY 1
)
SELECT CAST(DATE_TRUNC('month', "day") AS date) AS "day", SUM("dau") AS "sum", AVG("dau") AS "avg", MAX("dau") AS "max"
FROM daily
GROUP BY CAST(DATE_TRUNC('month', "day") AS date)
