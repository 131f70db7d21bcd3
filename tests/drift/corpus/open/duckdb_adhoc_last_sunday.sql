WITH sundays AS (
  SELECT date_trunc('month', snapshot_on) AS month, max(snapshot_on) AS snapshot_on
  FROM opportunity_snapshots GROUP BY 1
)
SELECT w.month, sum(o.amount) AS pipeline, max(o.amount) AS largest
FROM sundays w JOIN opportunity_snapshots o USING (snapshot_on)
GROUP BY w.month
