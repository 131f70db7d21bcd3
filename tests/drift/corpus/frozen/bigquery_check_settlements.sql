-- dbt test: nobody pays more than was invoiced
WITH settled AS (
  SELECT i.invoice_id, i.amount AS billed, SUM(p.amount) AS received, MAX(p.paid_on) AS last_payment_on
  FROM {{ ref('invoices') }} AS i
  INNER JOIN {{ ref('payments') }} AS p ON p.invoice_id = i.invoice_id
  WHERE i.status = 'paid'
  GROUP BY i.invoice_id, i.amount
  HAVING ABS(SUM(p.amount)) > ABS(i.amount) + 0.01
)
SELECT COUNT(*) AS failures, COUNT(*) != 0 AS should_warn, MAX(ABS(received - billed)) AS worst_gap
FROM settled
