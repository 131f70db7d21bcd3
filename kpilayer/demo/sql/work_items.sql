-- An item belongs to the sprint in which it was started, as long as that went on.
WITH noted AS (
  SELECT
    number,
    on_day + to_seconds(28800 + dice('noted_at', number) % 34200) AS created_at,
    ['platform', 'reports', 'integrations', 'mobile', 'data'][1 + dice('item_team', number) % 5]
      AS team,
    dice('item', number) AS draw
  FROM spread(scaled(9000))
),
begun AS (
  SELECT
    *,
    CASE
      WHEN draw % 1000 >= 70 THEN created_at + to_minutes(30 + skewed('starts', number, 43000))
    END AS starts_at
  FROM noted
),
finished AS (
  SELECT
    *,
    CASE
      WHEN draw % 1000 >= 95
        THEN starts_at + to_minutes(90 + skewed('takes', number, 21000))
    END AS ends_at
  FROM begun
),
placed AS (
  SELECT
    finished.*,
    sprint_id,
    CASE WHEN starts_at < end_of_data() THEN starts_at END AS started_at,
    CASE WHEN ends_at < end_of_data() THEN ends_at END AS done_at
  FROM finished
  LEFT JOIN sprints
    ON
      sprints.team = finished.team
      AND started_on = first_day() + (((starts_at::DATE - first_day()) // 14) * 14)::INTEGER
),
sized AS (
  SELECT sprint_id, count(*) AS people
  FROM sprint_members
  GROUP BY sprint_id
),
members AS (
  SELECT
    sprint_id,
    employee_id,
    row_number() OVER (PARTITION BY sprint_id ORDER BY employee_id) - 1 AS nth
  FROM sprint_members
),
assigned AS (
  SELECT placed.*, dice('assigned', number) % people AS nth
  FROM placed
  LEFT JOIN sized USING (sprint_id)
)
SELECT
  number::BIGINT AS item_id,
  team::VARCHAR AS team,
  CASE
    WHEN draw < 520000 THEN 'story'
    WHEN draw < 780000 THEN 'bug'
    ELSE 'task'
  END::VARCHAR AS type,
  CASE WHEN draw < 780000 OR draw % 10 < 6 THEN [1, 2, 3, 5, 8][1 + draw % 5] END::INTEGER
    AS points,
  CASE WHEN started_at IS NOT NULL THEN sprint_id END::BIGINT AS sprint_id,
  CASE WHEN started_at IS NOT NULL THEN employee_id END::BIGINT AS employee_id,
  created_at::TIMESTAMP AS created_at,
  started_at::TIMESTAMP AS started_at,
  done_at::TIMESTAMP AS done_at
FROM assigned
LEFT JOIN members USING (sprint_id, nth)
ORDER BY item_id
