SELECT
  row_number() OVER (ORDER BY month_end, employee_id)::BIGINT AS snapshot_id,
  month_end::DATE AS snapshot_on,
  employee_id::BIGINT AS employee_id,
  department::VARCHAR AS department,
  hired_on::DATE AS hired_on,
  (CASE WHEN dice('part_time', employee_id) < 120000 THEN 0.8 ELSE 1 END)::DECIMAL(4, 2) AS fte
FROM month_ends()
INNER JOIN employees ON hired_on <= month_end AND (left_on IS NULL OR left_on > month_end)
ORDER BY snapshot_id
