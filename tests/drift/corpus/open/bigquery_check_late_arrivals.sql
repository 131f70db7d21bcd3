-- Alert: rows that arrived more than three days after they happened
SELECT
  'web_sessions' AS table_name,
  COUNT(*) AS late_rows,
  MAX(TIMESTAMP_DIFF(loaded_at, started_at, HOUR)) AS worst_hours
FROM `acme-prod.core.web_sessions`
WHERE TIMESTAMP_DIFF(loaded_at, started_at, HOUR) > 72
UNION ALL
SELECT 'activities', COUNT(*), MAX(TIMESTAMP_DIFF(loaded_at, happened_at, HOUR))
FROM `acme-prod.core.activities`
WHERE TIMESTAMP_DIFF(loaded_at, happened_at, HOUR) > 72
UNION ALL
SELECT 'survey_answers', COUNT(*), MAX(TIMESTAMP_DIFF(loaded_at, answered_at, HOUR))
FROM `acme-prod.core.survey_answers`
WHERE TIMESTAMP_DIFF(loaded_at, answered_at, HOUR) > 72
