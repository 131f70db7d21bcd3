SELECT
  number::BIGINT AS deployment_id,
  ['platform', 'reports', 'integrations', 'mobile', 'data'][1 + dice('deploys', number) % 5]
    ::VARCHAR AS team,
  CASE WHEN dice('environment', number) < 620000 THEN 'production' ELSE 'staging' END::VARCHAR
    AS environment,
  CASE
    WHEN dice('deployed', number) < 940000 THEN 'succeeded'
    WHEN dice('deployed', number) < 980000 THEN 'failed'
    ELSE 'rolled_back'
  END::VARCHAR AS status,
  (1 + skewed('changes', number, 14))::INTEGER AS changes,
  (on_day + to_seconds(28800 + dice('deploy_time', number) % 34200))::TIMESTAMP AS deployed_at
FROM spread(scaled(5200))
ORDER BY deployment_id
