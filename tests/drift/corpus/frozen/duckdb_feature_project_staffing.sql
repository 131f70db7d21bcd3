-- Features of a project for the overrun model, one row per project
CREATE OR REPLACE TABLE ml.project_staffing AS
WITH daily AS (
  SELECT project_id, worked_on, sum(hours) AS day_hours, count(DISTINCT consultant_id) AS people
  FROM timesheets
  WHERE project_id IS NOT NULL
  GROUP BY project_id, worked_on
)
SELECT
  p.project_id,
  p.type = 'time_and_materials'                      AS is_tm,
  min(d.worked_on) - p.started_on                    AS days_to_first_entry,
  date_diff('day', min(d.worked_on), max(d.worked_on)) AS span_days,
  max(d.people)                                      AS peak_people,
  max(d.day_hours)                                   AS peak_day_hours,
  stddev_samp(d.day_hours)                           AS day_hours_sd,
  avg(d.day_hours)                                   AS hours_per_day,
  count(*) FILTER (WHERE isodow(d.worked_on) >= 6) / count(*) AS weekend_share,
  regr_slope(d.day_hours, epoch(d.worked_on::TIMESTAMP) / 86400) AS trend
FROM projects p
LEFT JOIN daily d ON d.project_id = p.project_id
GROUP BY p.project_id, p.type, p.started_on
