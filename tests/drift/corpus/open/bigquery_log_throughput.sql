SELECT
  team,
  COUNTIF(done_at IS NOT NULL) AS throughput,
  AVG(TIMESTAMP_DIFF(done_at, created_at, DAY)) AS cycle_time
FROM core.work_items
WHERE DATE(created_at) >= '2024-01-01'
GROUP BY team
