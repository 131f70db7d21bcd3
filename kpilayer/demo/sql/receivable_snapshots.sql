-- At the end of each month, what is still to be paid of each invoice.
WITH lives AS (
  SELECT
    invoice_id,
    account_id,
    due_on,
    amount,
    unnest(
      range(
        datediff('month', first_day(), issued_at::DATE),
        datediff('month', first_day(), coalesce(paid_on, last_day_of_data() + 1))
      )
    ) AS turn
  FROM invoices
  WHERE status <> 'void'
),
ends AS (
  SELECT
    *,
    last_day((first_day() + to_months(turn::INTEGER))::DATE) AS month_end
  FROM lives
),
-- A payment on the very last day of a month settles the invoice within it.
owed AS (
  SELECT
    ends.invoice_id,
    ends.account_id,
    due_on,
    month_end,
    ends.amount - coalesce(sum(payments.amount) FILTER (WHERE payments.paid_on <= month_end), 0)
      AS balance
  FROM ends
  LEFT JOIN payments ON payments.invoice_id = ends.invoice_id
  GROUP BY ends.invoice_id, ends.account_id, due_on, month_end, ends.amount
)
SELECT
  row_number() OVER (ORDER BY month_end, invoice_id)::BIGINT AS snapshot_id,
  month_end::DATE AS snapshot_on,
  invoice_id::BIGINT AS invoice_id,
  account_id::BIGINT AS account_id,
  due_on::DATE AS due_on,
  balance::DECIMAL(14, 2) AS balance
FROM owed
WHERE balance <> 0
ORDER BY snapshot_id
