WITH caused AS (
  SELECT
    deployment_id * 10 AS draw,
    deployment_id,
    team,
    deployed_at + to_minutes(3 + skewed('breaks', deployment_id, 900)) AS started_at
  FROM deployments
  WHERE
    environment = 'production'
    AND dice('breaks', deployment_id) < CASE status WHEN 'rolled_back' THEN 600000 ELSE 48000 END
  UNION ALL
  SELECT
    number * 10 + 1,
    NULL,
    ['platform', 'reports', 'integrations', 'mobile', 'data'][1 + dice('outage', number) % 5],
    first_day() + to_minutes(dice('outage_day', number) * 1313 // 1000)
  FROM range(scaled(90)) AS numbered(number)
),
lasting AS (
  SELECT
    *,
    CASE
      WHEN dice('severity', draw) < 60000 THEN 1
      WHEN dice('severity', draw) < 240000 THEN 2
      WHEN dice('severity', draw) < 620000 THEN 3
      ELSE 4
    END AS severity,
    started_at + to_minutes(6 + skewed('restores', draw, 900)) AS restores_at
  FROM caused
  WHERE started_at < end_of_data()
)
SELECT
  row_number() OVER (ORDER BY started_at, draw)::BIGINT AS incident_id,
  deployment_id::BIGINT AS deployment_id,
  team::VARCHAR AS team,
  severity::INTEGER AS severity,
  started_at::TIMESTAMP AS started_at,
  CASE WHEN restores_at < end_of_data() THEN restores_at END::TIMESTAMP AS restored_at
FROM lasting
ORDER BY incident_id
