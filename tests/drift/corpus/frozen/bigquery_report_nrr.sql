WITH levels AS (
  SELECT s.snapshot_on, s.account_id, SUM(s.mrr) AS mrr
  FROM core.subscription_snapshots AS s
  JOIN core.plans AS p ON p.plan_id = s.plan_id
  WHERE p.fee_type = 'recurring'
  GROUP BY 1, 2
),
base AS (
  SELECT LAST_DAY(DATE_ADD(snapshot_on, INTERVAL 1 YEAR), MONTH) AS snapshot_on, account_id, mrr AS mrr_then
  FROM levels
),
retained AS (
  SELECT b.snapshot_on, SUM(b.mrr_then) AS mrr_then, SUM(IFNULL(l.mrr, 0)) AS mrr_now
  FROM base AS b
  LEFT JOIN levels AS l ON l.account_id = b.account_id AND l.snapshot_on = b.snapshot_on
  WHERE b.mrr_then > 0
  GROUP BY 1
),
stayed AS (
  SELECT b.snapshot_on, SUM(l.mrr) / SUM(b.mrr_then) AS nrr_of_stayers
  FROM base AS b
  JOIN levels AS l ON l.account_id = b.account_id AND l.snapshot_on = b.snapshot_on
  GROUP BY 1
)
SELECT r.snapshot_on, r.mrr_now / r.mrr_then AS nrr, s.nrr_of_stayers
FROM retained AS r
JOIN stayed AS s USING (snapshot_on)
WHERE r.snapshot_on <= '2026-06-30'
ORDER BY r.snapshot_on
