-- training set for the time that a fix will take
CREATE OR REPLACE TABLE ml.defect_features AS
SELECT
  d.defect_id,
  d.severity,
  IF(d.is_escaped, 1, 0) AS escaped,
  i.type AS item_type,
  i.points,
  EXTRACT(DAYOFWEEK FROM d.found_at) AS found_weekday,
  TIMESTAMP_DIFF(d.found_at, i.done_at, DAY) AS days_since_done,
  AVG(TIMESTAMP_DIFF(d.fixed_at, d.found_at, HOUR)) OVER (
    PARTITION BY d.team
    ORDER BY UNIX_SECONDS(d.found_at)
    RANGE BETWEEN 7776000 PRECEDING AND 1 PRECEDING
  ) AS team_fix_hours_90d,
  TIMESTAMP_DIFF(d.fixed_at, d.found_at, HOUR) AS label_fix_hours
FROM core.defects AS d
LEFT JOIN core.work_items AS i USING (item_id)
WHERE d.fixed_at IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY d.item_id, d.severity ORDER BY d.found_at) = 1
