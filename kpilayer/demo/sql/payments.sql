-- The last payment of a paid invoice comes on its `paid_on`; the parts add up to the invoice.
WITH settled AS (
  SELECT
    invoice_id,
    account_id,
    issued_at::DATE AS issued_on,
    paid_on,
    amount,
    dice('instalments', invoice_id) AS draw
  FROM invoices
  WHERE status <> 'void'
),
in_parts AS (
  SELECT
    *,
    (amount * (25 + draw % 50) * 0.01)::DECIMAL(14, 2) AS part,
    CASE
      WHEN amount <= 0 THEN NULL
      WHEN draw < 70000 AND paid_on > issued_on + 3
        THEN issued_on + (1 + draw % greatest(paid_on - issued_on - 1, 1))::INTEGER
      WHEN draw < 70000 AND paid_on IS NULL AND issued_on + 12 <= last_day_of_data()
        THEN issued_on + 12
    END AS part_on
  FROM settled
),
received AS (
  SELECT invoice_id, account_id, part_on AS paid_on, part AS amount, 1 AS nth
  FROM in_parts
  WHERE part_on IS NOT NULL
  UNION ALL
  SELECT
    invoice_id,
    account_id,
    paid_on,
    amount - CASE WHEN part_on IS NULL THEN 0 ELSE part END,
    2
  FROM in_parts
  WHERE paid_on IS NOT NULL
)
SELECT
  row_number() OVER (ORDER BY paid_on, invoice_id, nth)::BIGINT AS payment_id,
  invoice_id::BIGINT AS invoice_id,
  account_id::BIGINT AS account_id,
  paid_on::DATE AS paid_on,
  amount::DECIMAL(14, 2) AS amount,
  CASE
    WHEN dice('method', invoice_id) < 520000 THEN 'bank_transfer'
    WHEN dice('method', invoice_id) < 860000 THEN 'card'
    ELSE 'direct_debit'
  END::VARCHAR AS method,
  loaded('payment_late', invoice_id * 10 + nth, paid_on + to_hours(16))::TIMESTAMP AS loaded_at
FROM received
ORDER BY payment_id
