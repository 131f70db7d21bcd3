SELECT DATETIME_TRUNC(deployed_at, MONTH) AS __timestamp,
       team AS team,
       COUNTIF(environment = 'production' AND status = 'succeeded') AS releases,
       COUNTIF(environment = 'production' AND status = 'succeeded')
         / EXTRACT(DAY FROM LAST_DAY(DATE(MIN(deployed_at)), MONTH)) AS `releases per day`,
       COUNTIF(status = 'failed') / COUNT(*) AS `failed share`
FROM `core`.`deployments`
WHERE deployed_at >= CAST('2025-01-01' AS DATETIME)
  AND deployed_at < CAST('2026-01-01' AS DATETIME)
GROUP BY team, __timestamp
ORDER BY releases DESC
LIMIT 10000;
