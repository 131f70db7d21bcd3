SELECT "main"."web_sessions"."channel" AS "channel",
       COUNT(DISTINCT "main"."web_sessions"."user_id") AS "count",
       SUM(CASE WHEN "main"."web_sessions"."seconds" < 10 THEN 1 ELSE 0.0 END) / COUNT(*) AS "bounce",
       AVG("main"."web_sessions"."seconds") AS "avg"
FROM "main"."web_sessions"
WHERE "main"."web_sessions"."started_at" >= DATE_TRUNC('month', NOW()::timestamp)
GROUP BY "main"."web_sessions"."channel"
