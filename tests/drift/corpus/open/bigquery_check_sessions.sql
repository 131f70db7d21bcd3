SELECT COUNT(*) AS row_count, COUNT(DISTINCT session_id) AS ids, COUNTIF(pages < 1) AS empty_visits
FROM core.web_sessions
WHERE DATE(loaded_at) = CURRENT_DATE()
