SELECT IFF(r.due_on < r.snapshot_on, 'overdue', 'not due') AS bucket, SUM(r.balance) AS receivables
FROM core.receivable_snapshots r
WHERE r.snapshot_on BETWEEN '2026-04-01' AND '2026-06-30'
GROUP BY bucket;
