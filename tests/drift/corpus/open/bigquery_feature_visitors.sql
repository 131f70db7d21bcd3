CREATE OR REPLACE TABLE features.visitors AS
SELECT
  visitor_id,
  ARRAY_AGG(channel ORDER BY started_at LIMIT 1)[OFFSET(0)] AS first_channel,
  MAX(pages) AS pages_max,
  VARIANCE(seconds) AS seconds_variance,
  LOGICAL_OR(device = 'mobile') AS is_mobile
FROM core.web_sessions
GROUP BY visitor_id
