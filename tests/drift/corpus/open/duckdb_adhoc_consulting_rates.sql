-- what do we really charge? for the pricing round
FROM timesheets
SELECT
  year(worked_on) AS y,
  sum(hours * rate) AS billed_at_rates,
  round(avg(rate), 2) AS avg_rate,
  max(rate) AS top_rate
WHERE is_billable
GROUP BY y
ORDER BY y
