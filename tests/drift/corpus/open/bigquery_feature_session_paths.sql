CREATE OR REPLACE TABLE features.visitor_paths
PARTITION BY built_on
AS
SELECT
  CURRENT_DATE() AS built_on,
  visitor_id,
  ARRAY_AGG(landing_page ORDER BY started_at LIMIT 5) AS first_pages,
  MAX(pages) AS deepest_visit,
  AVG(seconds) AS mean_seconds,
  STDDEV(seconds) AS sd_seconds,
  DATE_DIFF(DATE(MAX(started_at)), DATE(MIN(started_at)), DAY) AS days_between_first_and_last,
  APPROX_TOP_COUNT(channel, 1)[OFFSET(0)].value AS usual_channel
FROM core.web_sessions
GROUP BY visitor_id
