-- A consultant works on one project for a month at a time, chosen from the most recent ones.
WITH open_projects AS (
  SELECT on_day, age, weekday, month_number, count(project_id) AS started
  FROM calendar()
  LEFT JOIN projects ON started_on <= on_day
  GROUP BY on_day, age, weekday, month_number
),
attended AS (
  SELECT
    consultant_id,
    level,
    on_day,
    age,
    started,
    consultant_id * 1000 + age AS draw,
    consultant_id * 100 + datediff('month', first_day(), on_day) AS assignment
  FROM consultants
  CROSS JOIN open_projects
  WHERE
    weekday <= 5
    AND age >= CASE
      WHEN dice('joined', consultant_id) < 600000 THEN 0
      ELSE dice('joined', consultant_id) % 700
    END
    AND dice('absent', consultant_id * 1000 + age)
    >= CASE WHEN month_number IN (8, 12) THEN 260000 ELSE 80000 END
),
assigned AS (
  SELECT
    *,
    CASE
      WHEN started > 0 AND dice('bench', draw) < 850000 + age * 50
        THEN started - dice('assignment', assignment) % least(started, scaled(45))
    END AS project_id,
    0.25 * (22 + dice('hours', draw) % 12) AS project_hours
  FROM attended
),
entries AS (
  SELECT
    consultant_id,
    level,
    project_id,
    on_day,
    draw,
    project_hours AS hours,
    dice('warranty', draw) >= 45000 AS is_billable
  FROM assigned
  WHERE project_id IS NOT NULL
  UNION ALL
  SELECT
    consultant_id,
    level,
    NULL,
    on_day,
    draw,
    CASE WHEN project_id IS NULL THEN 8 ELSE 8 - project_hours END,
    false
  FROM assigned
  WHERE project_id IS NULL OR project_hours < 8
)
SELECT
  row_number() OVER (
    ORDER BY
      on_day
        + CASE WHEN dice('handed_in', draw) < 10000 THEN dice('handed_in', draw) % 20 ELSE 0 END
          ::INTEGER,
      consultant_id,
      on_day,
      project_id NULLS LAST
  )::BIGINT AS entry_id,
  consultant_id::BIGINT AS consultant_id,
  project_id::BIGINT AS project_id,
  on_day::DATE AS worked_on,
  hours::DECIMAL(6, 2) AS hours,
  is_billable::BOOLEAN AS is_billable,
  CASE
    WHEN project_id IS NOT NULL
      THEN 0.01
        * CASE level
          WHEN 'junior' THEN 98
          WHEN 'consultant' THEN 130
          WHEN 'senior' THEN 168
          ELSE 220
        END
        * (88 + dice('rate', project_id) % 25)
  END::DECIMAL(8, 2) AS rate
FROM entries
ORDER BY entry_id
