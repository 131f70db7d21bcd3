WITH found AS (
  SELECT
    item_id AS draw,
    item_id,
    team,
    done_at + to_minutes(200 + skewed('found', item_id, 64000)) AS found_at
  FROM work_items
  WHERE dice('defect', item_id) < 115000
  UNION ALL
  SELECT
    -number,
    NULL,
    ['platform', 'reports', 'integrations', 'mobile', 'data'][1 + dice('old_defect', number) % 5],
    on_day + to_seconds(30000 + dice('old_defect', number) % 30000)
  FROM spread(scaled(150))
),
fixed AS (
  SELECT
    *,
    found_at + to_minutes(60 + skewed('fixed', draw, 40000)) AS fixes_at
  FROM found
  WHERE found_at < end_of_data()
)
SELECT
  row_number() OVER (ORDER BY found_at, draw)::BIGINT AS defect_id,
  item_id::BIGINT AS item_id,
  team::VARCHAR AS team,
  (1 + dice('defect_severity', draw) % 4)::INTEGER AS severity,
  (dice('escaped', draw) < 380000)::BOOLEAN AS is_escaped,
  found_at::TIMESTAMP AS found_at,
  CASE WHEN fixes_at < end_of_data() THEN fixes_at END::TIMESTAMP AS fixed_at
FROM fixed
ORDER BY defect_id
