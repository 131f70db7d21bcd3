WITH named AS (
  SELECT
    on_day,
    age,
    weekday,
    CASE strftime(on_day, '%m-%d')
      WHEN '01-01' THEN 'New Year'
      WHEN '05-01' THEN 'Labour Day'
      WHEN '12-25' THEN 'Christmas Day'
      WHEN '12-26' THEN 'Boxing Day'
    END AS holiday
  FROM calendar()
)
SELECT
  (age + 1)::BIGINT AS day_id,
  on_day::DATE AS on_day,
  (weekday <= 5 AND holiday IS NULL)::BOOLEAN AS is_working_day,
  holiday::VARCHAR AS holiday
FROM named
ORDER BY day_id
