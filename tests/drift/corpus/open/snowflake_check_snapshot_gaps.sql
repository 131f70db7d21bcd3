-- fails when a weekly snapshot of the pipeline is missing, doubled or has opportunities that are closed
WITH days AS (
    SELECT snapshot_on, LAG(snapshot_on) OVER (ORDER BY snapshot_on) AS previous_on
    FROM (SELECT DISTINCT snapshot_on FROM core.opportunity_snapshots) d
)
SELECT
    d.snapshot_on,
    DATEDIFF('day', d.previous_on, d.snapshot_on) AS gap_days,
    COUNT(s.snapshot_id) - COUNT(DISTINCT s.opportunity_id) AS doubled,
    COUNT_IF(o.closed_at::DATE < d.snapshot_on) AS closed_before
FROM days d
JOIN core.opportunity_snapshots s ON s.snapshot_on = d.snapshot_on
LEFT JOIN core.opportunities o ON o.opportunity_id = s.opportunity_id
GROUP BY 1, 2
HAVING gap_days > 7 OR doubled > 0 OR closed_before > 0
