SELECT "Custom SQL Query"."channel" AS "channel",
  DATE_TRUNC( 'QUARTER', CAST("Custom SQL Query"."day" AS TIMESTAMP) ) AS "tqr:day:ok",
  SUM("Custom SQL Query"."spend") AS "sum:spend:ok",
  SUM("Custom SQL Query"."revenue") AS "sum:revenue:ok",
  (SUM("Custom SQL Query"."revenue") / NULLIF(SUM("Custom SQL Query"."spend"), 0)) AS "usr:Calculation_5731:ok"
FROM (
  select channel, spent_on as day, amount as spend, null::numeric as revenue
  from public.marketing_spend
  where channel in ('search', 'social')
  union all
  select channel, touched_on, null, revenue
  from public.attribution
  where channel in ('search', 'social')
) "Custom SQL Query"
GROUP BY 1,
  2
