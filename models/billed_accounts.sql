SELECT
  account_id,
  CAST(DATE_TRUNC('month', issued_at) AS DATE) AS billed_on,
  SUM(CASE WHEN is_services THEN 0 ELSE {{ net_of_tax('amount', 'tax') }} END) AS software_amount,
  SUM(CASE WHEN is_services THEN {{ net_of_tax('amount', 'tax') }} ELSE 0 END) AS services_amount
FROM {{ ref('invoices') }}
WHERE status <> 'void' AND account_id IS NOT NULL
GROUP BY account_id, CAST(DATE_TRUNC('month', issued_at) AS DATE)
