-- Metabase:: userID: 31 queryType: MBQL queryHash: 90aa3e
SELECT
  DATE_TRUNC('month', "main"."lead_stages"."entered_at") AS "entered_at",
  COUNT(DISTINCT CASE WHEN "main"."lead_stages"."stage" = 'mql' THEN "main"."lead_stages"."lead_id" END) AS "MQLs",
  SUM(CASE WHEN "main"."lead_stages"."stage" = 'sql' THEN 1 ELSE 0.0 END) AS "SQLs"
FROM "main"."lead_stages"
WHERE "main"."lead_stages"."stage" <> 'lead'
GROUP BY DATE_TRUNC('month', "main"."lead_stages"."entered_at")
ORDER BY DATE_TRUNC('month', "main"."lead_stages"."entered_at") ASC
