-- tickets that are open in the evening of each day
WITH days AS (
  SELECT day FROM UNNEST(GENERATE_DATE_ARRAY('2026-01-01', '2026-06-30')) AS day
)
SELECT
  days.day,
  COUNT(t.ticket_id) AS open_tickets,
  COUNTIF(t.priority IN ('urgent', 'high')) AS open_important,
  MAX(DATE_DIFF(days.day, DATE(t.opened_at), DAY)) AS oldest_days
FROM days
LEFT JOIN core.tickets AS t
  ON DATE(t.opened_at) <= days.day
  AND (t.resolved_at IS NULL OR DATE(t.resolved_at) > days.day)
GROUP BY days.day
ORDER BY days.day
