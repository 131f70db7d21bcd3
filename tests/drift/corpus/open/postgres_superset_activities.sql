SELECT employee_id AS employee_id,
       COUNT(*) FILTER (WHERE type IN ('meeting', 'demo') AND status = 'held') AS "Meetings",
       COUNT(*) FILTER (WHERE type = 'demo') AS "Demos",
       SUM(CASE WHEN status = 'no_show' THEN 1 ELSE 0 END)::numeric / NULLIF(COUNT(*), 0) AS "No-show rate"
FROM public.activities
WHERE happened_at >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
  AND happened_at < TO_TIMESTAMP('2026-07-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY employee_id
ORDER BY "Meetings" DESC
LIMIT 1000
