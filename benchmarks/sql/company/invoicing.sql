-- What was invoiced, by month and team of the account; a few invoices have no account.
SELECT
  DATE_TRUNC('month', issued_at) AS month,
  owner_team,
  SUM(amount - tax) FILTER (status <> 'void') AS invoiced_revenue,
  SUM(amount - tax) FILTER (status <> 'void' AND is_services)
    / NULLIF(SUM(amount - tax) FILTER (status <> 'void'), 0) AS services_share,
  SUM(amount - tax) FILTER (status <> 'void' AND segment = 'enterprise')
    / NULLIF(SUM(amount - tax) FILTER (status <> 'void'), 0) AS enterprise_share,
  SUM(amount - tax) FILTER (status <> 'void' AND currency_zone = 'EUR') AS euro_zone_revenue,
  SUM(amount - tax) FILTER (status <> 'void' AND amount >= 0)
    / COUNT(*) FILTER (status <> 'void' AND amount >= 0) AS average_invoice_value,
  NULLIF(COUNT(*) FILTER (status = 'void' AND amount >= 0), 0)
    / COUNT(*) FILTER (amount >= 0) AS void_rate
FROM invoices
LEFT JOIN accounts USING (account_id)
LEFT JOIN regions USING (region_id)
GROUP BY ALL
ORDER BY ALL
