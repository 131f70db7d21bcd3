SELECT
  entries.consultant_id,
  entries.project_id,
  entries.worked_on,
  SUM(entries.hours) AS hours,
  SUM(entries.hours * people.hourly_cost) AS cost
FROM {{ ref('timesheets') }} AS entries
INNER JOIN {{ ref('consultants') }} AS people ON people.consultant_id = entries.consultant_id
GROUP BY entries.consultant_id, entries.project_id, entries.worked_on
