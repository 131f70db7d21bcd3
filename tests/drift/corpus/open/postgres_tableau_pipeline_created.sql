SELECT "Custom SQL Query"."stage" AS "stage",
  DATE_TRUNC( 'MONTH', "Custom SQL Query"."created_at" ) AS "tmn:created_at:ok",
  SUM("Custom SQL Query"."amount") AS "sum:amount:ok"
FROM (
  select opportunity_id, stage, created_at, amount from public.opportunities where stage = 'won'
) "Custom SQL Query"
GROUP BY 1, 2
