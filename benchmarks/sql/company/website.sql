-- Visits by week and kind of channel.
SELECT
  DATE_TRUNC('week', started_at) AS week,
  medium,
  COUNT(*) AS web_visits,
  COUNT(DISTINCT visitor_id) AS visitors,
  NULLIF(COUNT(*) FILTER (channel = 'organic'), 0) AS organic_traffic,
  NULLIF(COUNT(*) FILTER (pages = 1), 0) / COUNT(*) AS bounce_rate
FROM web_sessions
LEFT JOIN channels USING (channel)
GROUP BY ALL
ORDER BY ALL
