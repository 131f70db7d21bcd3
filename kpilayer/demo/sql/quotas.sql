SELECT
  row_number() OVER (ORDER BY snapshot_on, employee_id)::BIGINT AS quota_id,
  employee_id::BIGINT AS employee_id,
  date_trunc('month', snapshot_on)::DATE AS month_on,
  (
    (24000 + 300 * datediff('month', first_day(), snapshot_on))
    * (90 + dice('quota', employee_id) % 21)
    // 100
  )::DECIMAL(14, 2) AS amount
FROM headcount_snapshots
WHERE department = 'sales'
ORDER BY quota_id
