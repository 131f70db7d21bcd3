SELECT
  a.segment,
  COUNT(DISTINCT IF(h.score < 50, h.account_id, NULL)) AS at_risk_any_week,
  COUNTIF(h.snapshot_on = '2026-06-28' AND h.score <= 50) AS at_risk_now
FROM core.account_health_snapshots h
LEFT JOIN core.accounts a ON a.account_id = h.account_id
WHERE h.snapshot_on >= '2026-01-01'
GROUP BY a.segment
