-- Looker Query Context '{"user_id":31,"history_slug":"8a1c"}'
SELECT
    TO_CHAR(DATE_TRUNC('month', web_sessions.STARTED_AT ), 'YYYY-MM') AS "web_sessions.started_month",
    web_sessions.DEVICE  AS "web_sessions.device",
    COUNT(DISTINCT web_sessions.SESSION_ID ) AS "web_sessions.count",
    COUNT(DISTINCT web_sessions.VISITOR_ID ) AS "web_sessions.visitor_count",
    AVG(web_sessions.PAGES ) AS "web_sessions.average_pages"
FROM CORE.WEB_SESSIONS  AS web_sessions
WHERE ((( web_sessions.STARTED_AT  ) >= ((DATEADD('month', -11, DATE_TRUNC('month', CURRENT_DATE()))))))
GROUP BY
    1, 2
ORDER BY
    1 DESC
FETCH NEXT 500 ROWS ONLY
