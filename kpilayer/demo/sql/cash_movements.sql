WITH months AS (
  SELECT month_end, datediff('month', first_day(), month_end) AS turn
  FROM month_ends()
),
taxed AS (
  SELECT last_day(issued_at::DATE) AS month_end, sum(tax) AS tax
  FROM invoices
  WHERE status <> 'void'
  GROUP BY last_day(issued_at::DATE)
),
moved AS (
  SELECT
    1 AS rank,
    payment_id AS source,
    'operating' AS bank_account,
    paid_on AS booked_on,
    'customers' AS category,
    NULL AS department,
    amount AS received
  FROM payments
  UNION ALL
  SELECT 2, spend_id, 'operating', spent_on, 'marketing', 'marketing', -amount
  FROM marketing_spend
  UNION ALL
  SELECT
    3,
    employee_id,
    'operating',
    snapshot_on,
    'payroll',
    department,
    -(monthly_cost * fte)::DECIMAL(14, 2)
  FROM headcount_snapshots
  INNER JOIN employees USING (employee_id, department)
  UNION ALL
  SELECT 4, cogs_id, 'operating', incurred_on, 'hosting', NULL, -amount
  FROM cogs_lines
  WHERE type = 'hosting'
  UNION ALL
  SELECT
    5, turn, 'operating', month_end, 'office', 'administration',
    -(scaled(62000 + 1400 * turn + dice('office', turn) % 9000))::DECIMAL(14, 2)
  FROM months
  UNION ALL
  -- The tax of a month is handed on at the end of the next one.
  SELECT 6, turn, 'operating', months.month_end, 'tax', NULL, -tax
  FROM months
  INNER JOIN taxed ON taxed.month_end = last_day((months.month_end - INTERVAL 1 MONTH)::DATE)
  UNION ALL
  SELECT
    7, turn, 'operating', month_end, 'equipment', NULL,
    -(scaled(70000 + dice('equipment', turn) % 60000))::DECIMAL(14, 2)
  FROM months
  WHERE turn % 3 = 1
  UNION ALL
  SELECT 8, turn, 'reserve', month_end, 'interest', NULL, (scaled(9000 + turn * 25))::DECIMAL(14, 2)
  FROM months
)
SELECT
  row_number() OVER (ORDER BY booked_on, rank, source)::BIGINT AS cash_id,
  bank_account::VARCHAR AS bank_account,
  booked_on::DATE AS booked_on,
  CASE WHEN received > 0 THEN 'in' ELSE 'out' END::VARCHAR AS direction,
  category::VARCHAR AS category,
  department::VARCHAR AS department,
  abs(received)::DECIMAL(14, 2) AS amount
FROM moved
WHERE received <> 0
ORDER BY cash_id
