-- Metabase:: userID: 22 queryType: MBQL queryHash: 07be51
SELECT
  CAST(DATE_TRUNC('month', "public"."survey_answers"."answered_at") AS date) AS "answered_at",
  COUNT(*) AS "count",
  AVG("public"."survey_answers"."score") AS "CSAT"
FROM "public"."survey_answers"
WHERE "public"."survey_answers"."type" = 'csat'
GROUP BY CAST(DATE_TRUNC('month', "public"."survey_answers"."answered_at") AS date)
ORDER BY CAST(DATE_TRUNC('month', "public"."survey_answers"."answered_at") AS date) ASC
