SELECT date_trunc('month', done_at) AS __timestamp,
       team AS team,
       median(date_diff('minute', created_at, done_at)) / 1440 AS "Cycle time (d)",
       COUNT(done_at) AS "Items done"
FROM
  (select item_id, team, type, points, created_at, started_at, done_at
   from work_items) AS virtual_table
WHERE done_at >= '2025-07-01 00:00:00'
  AND done_at < '2026-07-01 00:00:00'
GROUP BY date_trunc('month', done_at),
         team
LIMIT 10000
