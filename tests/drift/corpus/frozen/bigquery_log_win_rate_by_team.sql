-- job bq_7d1e4 | 2026-04-03T07:15:09Z | 1.2 MB processed | cache_hit=false
SELECT
  e.team,
  EXTRACT(YEAR FROM o.closed_at) AS year,
  SUM(IF(o.stage = 'won', o.amount, NULL)) AS bookings,
  ROUND(SAFE_DIVIDE(SUM(IF(o.stage = 'won', o.amount, 0)), SUM(o.amount)), 3) AS win_rate
FROM `acme-prod`.core.opportunities AS o
LEFT JOIN `acme-prod`.core.employees AS e USING (employee_id)
WHERE o.stage IN ('won', 'lost')
GROUP BY e.team, year
ORDER BY year, bookings DESC
