SELECT
  EXTRACT(MONTH FROM started_at) AS month,
  COUNTIF(severity < 3) AS incidents,
  AVG(TIMESTAMP_DIFF(restored_at, started_at, SECOND)) / 3600 AS mttr_hours,
  MAX(TIMESTAMP_DIFF(restored_at, started_at, SECOND)) / 3600 AS longest
FROM core.incidents
WHERE started_at >= TIMESTAMP '2024-01-01' AND started_at < TIMESTAMP '2025-01-01'
GROUP BY month
