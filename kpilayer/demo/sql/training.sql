WITH sized AS (
  SELECT snapshot_on, count(*) AS people
  FROM headcount_snapshots
  GROUP BY snapshot_on
),
numbered AS (
  SELECT
    snapshot_on,
    employee_id,
    row_number() OVER (PARTITION BY snapshot_on ORDER BY employee_id) - 1 AS nth
  FROM headcount_snapshots
),
held AS (
  SELECT
    number,
    on_day,
    last_day(on_day) AS snapshot_on,
    dice('trained', number) % (people * 55 // 100 + 1) AS nth
  FROM spread(scaled(1300))
  INNER JOIN sized ON snapshot_on = last_day(on_day)
  WHERE isodow(on_day) <= 5
)
SELECT
  row_number() OVER (ORDER BY number)::BIGINT AS training_id,
  employee_id::BIGINT AS employee_id,
  ['security', 'product', 'language', 'leadership', 'tools'][1 + dice('course', number) % 5]
    ::VARCHAR AS course,
  on_day::DATE AS held_on,
  (0.5 * (2 + skewed('course_hours', number, 30)))::DECIMAL(6, 2) AS hours,
  CASE WHEN dice('course', number) % 10 < 7 THEN 60 + skewed('course_cost', number, 1400) END
    ::DECIMAL(10, 2) AS cost
FROM held
LEFT JOIN numbered USING (snapshot_on, nth)
ORDER BY training_id
