SELECT
  bills.invoice_id,
  bills.account_id,
  bills.issued_at,
  bills.is_services,
  bills.amount AS billed_amount,
  COALESCE(SUM(receipts.amount), 0) AS collected_amount
FROM {{ ref('invoices') }} AS bills
LEFT JOIN {{ ref('payments') }} AS receipts ON receipts.invoice_id = bills.invoice_id
WHERE bills.status <> 'void'
GROUP BY bills.invoice_id, bills.account_id, bills.issued_at, bills.is_services, bills.amount
