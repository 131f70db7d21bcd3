SELECT "opportunities"."type" AS "type",
  DATE_TRUNC( 'QUARTER', "opportunities"."closed_at" ) AS "tqr:closed_at:ok",
  SUM("opportunities"."amount") AS "sum:amount:ok",
  COUNT("opportunities"."opportunity_id") AS "cnt:opportunity_id:ok"
FROM "public"."opportunities" "opportunities"
WHERE ("opportunities"."stage" = 'won')
GROUP BY 1,
  2
