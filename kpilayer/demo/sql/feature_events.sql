-- A feature is used within an event of the product, minutes after it began and on the same day.
WITH used AS (
  SELECT
    event_id,
    user_id,
    happened_at,
    dice('feature', event_id) AS draw
  FROM product_events
  WHERE user_id IS NOT NULL AND name <> 'login' AND dice('feature', event_id) < 420000
)
SELECT
  row_number() OVER (ORDER BY event_id)::BIGINT AS feature_event_id,
  event_id::BIGINT AS event_id,
  user_id::BIGINT AS user_id,
  CASE
    WHEN draw < 60000 AND happened_at >= DATE '2025-06-02' THEN 'assistant'
    WHEN draw < 110000 AND happened_at >= DATE '2024-05-06' THEN 'automation'
    WHEN draw < 170000 THEN 'scheduled_reports'
    WHEN draw < 220000 THEN 'alerts'
    ELSE 'filters'
  END::VARCHAR AS feature,
  least(
    happened_at + to_seconds(20 + draw % 400),
    date_trunc('day', happened_at) + to_seconds(86399)
  )::TIMESTAMP AS happened_at,
  loaded('feature_late', event_id, happened_at)::TIMESTAMP AS loaded_at
FROM used
ORDER BY feature_event_id
