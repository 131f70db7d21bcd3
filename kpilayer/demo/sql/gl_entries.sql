-- Debits are above zero, credits below; the entries of a journal add up to nothing.
WITH depreciated AS (
  SELECT
    month_end,
    datediff('month', first_day(), month_end) AS turn,
    ((sum(amount)) / 36)::DECIMAL(14, 2) AS amount
  FROM month_ends()
  INNER JOIN cash_movements ON category = 'equipment' AND booked_on < month_end
  GROUP BY month_end
),
opened AS (
  SELECT sum(opening) AS cash
  FROM cash_balances
  WHERE on_day = first_day()
),
cash AS (
  SELECT
    cash_id,
    booked_on,
    department,
    CASE direction WHEN 'in' THEN amount ELSE -amount END AS amount,
    CASE category
      WHEN 'customers' THEN 2
      WHEN 'marketing' THEN 12
      WHEN 'payroll' THEN CASE WHEN department IN ('support', 'consulting') THEN 10 ELSE 11 END
      WHEN 'hosting' THEN 9
      WHEN 'office' THEN 13
      WHEN 'tax' THEN 5
      WHEN 'equipment' THEN 3
      WHEN 'interest' THEN 15
    END AS against
  FROM cash_movements
),
posted AS (
  SELECT 0 AS rank, 0 AS source, first_day() AS posted_on, 1 AS ledger_account_id,
    NULL AS department, cash::DECIMAL(14, 2) AS amount
  FROM opened
  UNION ALL
  SELECT 0, 0, first_day(), 6, NULL, -cash
  FROM opened
  UNION ALL
  SELECT 1, invoice_id, issued_at::DATE, 2, NULL, amount
  FROM invoices
  WHERE status <> 'void'
  UNION ALL
  SELECT 1, invoice_id, issued_at::DATE, CASE WHEN is_services THEN 8 ELSE 7 END, NULL, tax - amount
  FROM invoices
  WHERE status <> 'void'
  UNION ALL
  SELECT 1, invoice_id, issued_at::DATE, 5, NULL, -tax
  FROM invoices
  WHERE status <> 'void' AND tax <> 0
  UNION ALL
  SELECT 2, cash_id, booked_on, 1, NULL, amount
  FROM cash
  UNION ALL
  SELECT 2, cash_id, booked_on, against, department, -amount
  FROM cash
  UNION ALL
  SELECT 3, turn, month_end, 14, 'administration', amount
  FROM depreciated
  UNION ALL
  SELECT 3, turn, month_end, 4, NULL, -amount
  FROM depreciated
)
SELECT
  row_number() OVER (ORDER BY posted_on, rank, source, ledger_account_id)::BIGINT AS gl_entry_id,
  dense_rank() OVER (ORDER BY posted_on, rank, source)::BIGINT AS journal_id,
  posted_on::DATE AS posted_on,
  ledger_account_id::INTEGER AS ledger_account_id,
  department::VARCHAR AS department,
  amount::DECIMAL(14, 2) AS amount
FROM posted
ORDER BY gl_entry_id
