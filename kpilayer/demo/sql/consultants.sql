WITH hired AS (
  SELECT
    number + 1 AS consultant_id,
    CASE
      WHEN dice('level', number) < 300000 THEN 'junior'
      WHEN dice('level', number) < 700000 THEN 'consultant'
      WHEN dice('level', number) < 920000 THEN 'senior'
      ELSE 'principal'
    END AS level
  FROM range(scaled(48)) AS numbered(number)
)
SELECT
  consultant_id::BIGINT AS consultant_id,
  ('Consultant ' || consultant_id)::VARCHAR AS name,
  ['delivery', 'data', 'integration', 'advisory'][1 + dice('team', consultant_id) % 4]::VARCHAR
    AS team,
  level::VARCHAR AS level,
  (
    CASE level WHEN 'junior' THEN 46 WHEN 'consultant' THEN 60 WHEN 'senior' THEN 78 ELSE 105 END
    + dice('cost', consultant_id) % 10
  )::DECIMAL(8, 2) AS hourly_cost
FROM hired
ORDER BY consultant_id
