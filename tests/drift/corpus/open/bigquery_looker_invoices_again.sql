-- Looker Query Context '{"user_id":27,"history_slug":"f9d210","instance_slug":"acme"}'
SELECT
    (FORMAT_TIMESTAMP('%Y-%m', TIMESTAMP_TRUNC(TIMESTAMP(invoices.issued_at), MONTH))) AS invoices_issued_month,
    COALESCE(SUM(CASE WHEN invoices.is_services THEN invoices.amount - invoices.tax ELSE 0 END), 0) AS invoices_services_net,
    COALESCE(SUM(CASE WHEN invoices.is_services THEN invoices.amount - invoices.tax ELSE 0 END), 0)
      / NULLIF(COALESCE(SUM(invoices.amount - invoices.tax), 0), 0) AS invoices_services_share,
    AVG(invoices.amount - invoices.tax) AS invoices_average_value
FROM `acme-prod.core.invoices` AS invoices
WHERE invoices.status <> 'void'
GROUP BY
    1
ORDER BY
    1 DESC
LIMIT 500
