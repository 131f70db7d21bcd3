SELECT team, AVG(TIMESTAMP_DIFF(restored_at, started_at, HOUR)) AS mttr, COUNT(*) AS incident_count
FROM `acme-prod`.core.incidents
WHERE severity <= 2
GROUP BY team
