SELECT
    web_sessions.landing_page  AS web_sessions_landing_page,
    COUNT(*) AS web_sessions_count,
    APPROX_COUNT_DISTINCT(web_sessions.visitor_id) AS web_sessions_visitors
FROM `acme-prod.core.web_sessions`  AS web_sessions
WHERE web_sessions.channel = 'organic'
GROUP BY
    1
ORDER BY
    2 DESC
LIMIT 500
