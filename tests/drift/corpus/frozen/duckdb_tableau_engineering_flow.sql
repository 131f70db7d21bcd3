SELECT "Custom SQL Query"."team" AS "team",
  DATE_TRUNC('MONTH', CAST("Custom SQL Query"."done_at" AS DATE)) AS "tmn:done_at:ok",
  COUNT("Custom SQL Query"."item_id") AS "cnt:item_id:ok",
  MEDIAN("Custom SQL Query"."days_in_work") AS "med:days_in_work:ok",
  (SUM("Custom SQL Query"."bugs") / COUNT("Custom SQL Query"."item_id")) AS "usr:Defect Rate:ok"
FROM (
  SELECT w.item_id,
    w.team,
    w.done_at,
    (EPOCH(w.done_at) - EPOCH(w.started_at)) / 86400.0 AS days_in_work,
    COALESCE(b.bugs, 0) AS bugs
  FROM work_items w
  LEFT JOIN (
    SELECT item_id, COUNT(*) AS bugs
    FROM defects
    GROUP BY item_id
  ) b ON b.item_id = w.item_id
  WHERE w.done_at IS NOT NULL
) "Custom SQL Query"
GROUP BY 1,
  2
