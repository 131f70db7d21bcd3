SELECT DISTINCT
  priority,
  PERCENTILE_CONT(first_reply_minutes / 60, 0.5) OVER (PARTITION BY priority) AS median_first_reply_h,
  PERCENTILE_CONT(TIMESTAMP_DIFF(resolved_at, opened_at, DAY) * 24, 0.9) OVER (PARTITION BY priority) AS p90_resolution_h
FROM support.tickets
WHERE opened_at >= '2026-01-01'
