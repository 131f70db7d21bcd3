-- Metabase:: userID: 14 queryType: MBQL queryHash: 5f1d0c
SELECT
  CAST(DATE_TRUNC('quarter', "main"."mrr_movements"."moved_on") AS DATE) AS "moved_on",
  COUNT(DISTINCT "main"."mrr_movements"."account_id") AS "count",
  SUM("main"."mrr_movements"."delta") AS "sum"
FROM "main"."mrr_movements"
WHERE "main"."mrr_movements"."type" = 'new'
GROUP BY CAST(DATE_TRUNC('quarter', "main"."mrr_movements"."moved_on") AS DATE)
ORDER BY CAST(DATE_TRUNC('quarter', "main"."mrr_movements"."moved_on") AS DATE) ASC
LIMIT 2000
