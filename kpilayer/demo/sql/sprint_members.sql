SELECT
  row_number() OVER (ORDER BY sprint_id, employee_id)::BIGINT AS sprint_member_id,
  sprint_id::BIGINT AS sprint_id,
  employee_id::BIGINT AS employee_id
FROM sprints
INNER JOIN employees USING (team)
WHERE
  department = 'engineering'
  AND hired_on <= started_on
  AND (left_on IS NULL OR left_on > ended_on)
  AND dice('away', sprint_id * 100000 + employee_id) >= 60000
ORDER BY sprint_member_id
