-- 2026-07-02 06:31:12 user=svc_treasury warehouse=bi duration_ms=41
SELECT DATE_TRUNC('quarter', snapshot_on)::DATE AS quarter, ROUND(SUM(balance), 2) AS receivables FROM receivable_snapshots WHERE snapshot_on >= '2025-01-01' GROUP BY 1 ORDER BY 1;
