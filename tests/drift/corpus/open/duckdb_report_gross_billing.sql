-- Billing for the monthly meeting, by segment
SELECT
  a.segment,
  strftime(i.issued_at, '%Y-%m') AS month,
  SUM(i.amount) AS revenue,
  SUM(i.tax) AS tax
FROM invoices i
LEFT JOIN accounts a ON a.account_id = i.account_id
WHERE i.status <> 'void'
GROUP BY ALL
ORDER BY month, a.segment
