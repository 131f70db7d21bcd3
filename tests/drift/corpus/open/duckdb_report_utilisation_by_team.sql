SELECT
  c.team,
  date_trunc('quarter', t.worked_on) AS quarter,
  sum(if(t.is_billable, t.hours, 0)) / sum(t.hours) AS billable_share,
  sum(if(t.is_billable, t.hours, 0)) / sum(k.hours) AS utilization
FROM timesheets t
LEFT JOIN consultants c ON c.consultant_id = t.consultant_id
LEFT JOIN capacity k ON k.consultant_id = t.consultant_id AND k.on_day = t.worked_on
GROUP BY 1, 2
ORDER BY 1, 2
