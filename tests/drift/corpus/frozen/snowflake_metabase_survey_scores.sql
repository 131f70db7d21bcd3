-- Metabase:: userID: 14 queryType: native queryHash: 8b2f0c1e
WITH answers AS (
  SELECT DATE_TRUNC('quarter', answered_at) AS quarter, type, score FROM core.survey_answers
)
SELECT quarter AS "Quarter",
       100.0 * (COUNT_IF(type = 'nps' AND score >= 9) - COUNT_IF(type = 'nps' AND score < 6)) / NULLIF(COUNT_IF(type = 'nps'), 0) AS "NPS",
       AVG(CASE WHEN type = 'csat' THEN score END) / 5 AS "CSAT",
       AVG(CASE WHEN type = 'engagement' THEN score END) AS "eNPS"
FROM answers
GROUP BY quarter
ORDER BY quarter ASC
LIMIT 1048575
