-- Metabase:: userID: 64 queryType: native queryHash: 0b7d1c
SELECT
  CAST(DATE_TRUNC('month', a.answered_at) AS DATE) AS "month",
  COUNT_IF(a.score >= 4) / NULLIF(COUNT(*), 0) AS "CSAT",
  COUNT(*) AS "Answers",
  COUNT(*) / NULLIF(COUNT(DISTINCT t.ticket_id), 0) AS "Answers per ticket"
FROM "CORE"."SURVEY_ANSWERS" AS a
LEFT JOIN "CORE"."SURVEYS" AS s ON s.survey_id = a.survey_id
LEFT JOIN "CORE"."TICKETS" AS t ON t.ticket_id = s.ticket_id
WHERE a.type = 'csat'
GROUP BY 1
ORDER BY 1 ASC
