-- Hours that a consultant is there for work; sickness counts, leave and holidays do not.
WITH planned AS (
  SELECT
    consultant_id,
    calendar_days.on_day,
    age,
    month_number,
    holiday,
    dice('absent', consultant_id * 1000 + age) AS absent,
    dice('sick', consultant_id * 1000 + age) AS sick
  FROM consultants
  CROSS JOIN calendar() AS days
  INNER JOIN calendar_days ON calendar_days.on_day = days.on_day
  WHERE
    weekday <= 5
    AND age >= CASE
      WHEN dice('joined', consultant_id) < 600000 THEN 0
      ELSE dice('joined', consultant_id) % 700
    END
),
marked AS (
  SELECT
    *,
    CASE
      WHEN absent >= CASE WHEN month_number IN (8, 12) THEN 260000 ELSE 80000 END THEN NULL
      WHEN holiday IS NOT NULL THEN 'holiday'
      WHEN sick < 350000 THEN 'sick'
      ELSE 'leave'
    END AS absence
  FROM planned
)
SELECT
  row_number() OVER (ORDER BY on_day, consultant_id)::BIGINT AS capacity_id,
  consultant_id::BIGINT AS consultant_id,
  on_day::DATE AS on_day,
  CASE WHEN absence IN ('holiday', 'leave') THEN 0 ELSE 8 END::DECIMAL(6, 2) AS hours,
  absence::VARCHAR AS absence
FROM marked
ORDER BY capacity_id
