SELECT DATE_TRUNC('month', deployed_at) AS __timestamp,
       COUNT(*) FILTER (WHERE environment = 'production') AS "Releases",
       COUNT(*) FILTER (WHERE environment = 'production' AND status IN ('succeeded', 'rolled_back'))
         / COUNT(DISTINCT deployed_at::DATE) AS "Good releases per day"
FROM main.deployments
WHERE deployed_at >= TIMESTAMP '2024-07-01 00:00:00.000000'
  AND deployed_at < TIMESTAMP '2025-07-01 00:00:00.000000'
GROUP BY DATE_TRUNC('month', deployed_at)
ORDER BY "Releases" DESC
LIMIT 5000
