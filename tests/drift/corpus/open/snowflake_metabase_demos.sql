-- Metabase:: userID: 58 queryType: MBQL queryHash: 4b1f0a77c2
SELECT
  DATE_TRUNC('week', "source"."HAPPENED_AT") AS "HAPPENED_AT",
  COUNT_IF("source"."STATUS" = 'held') AS "Held",
  SUM(CASE WHEN "source"."TYPE" = 'demo' AND "source"."STATUS" = 'held' THEN 1 ELSE 0.0 END) AS "Demos held",
  CAST(SUM(CASE WHEN "source"."STATUS" = 'no_show' THEN 1 ELSE 0.0 END) AS FLOAT)
    / NULLIF(SUM(CASE WHEN "source"."STATUS" IN ('held', 'no_show') THEN 1 ELSE 0.0 END), 0) AS "No-show rate"
FROM (
  SELECT
    "CORE"."ACTIVITIES"."ACTIVITY_ID" AS "ACTIVITY_ID",
    "CORE"."ACTIVITIES"."TYPE" AS "TYPE",
    "CORE"."ACTIVITIES"."STATUS" AS "STATUS",
    "CORE"."ACTIVITIES"."HAPPENED_AT" AS "HAPPENED_AT"
  FROM "CORE"."ACTIVITIES"
  WHERE ("CORE"."ACTIVITIES"."TYPE" = 'demo') OR ("CORE"."ACTIVITIES"."TYPE" = 'meeting')
) AS "source"
WHERE "source"."HAPPENED_AT" >= '2025-01-06' AND "source"."HAPPENED_AT" < '2026-01-05'
GROUP BY DATE_TRUNC('week', "source"."HAPPENED_AT")
ORDER BY DATE_TRUNC('week', "source"."HAPPENED_AT") ASC
