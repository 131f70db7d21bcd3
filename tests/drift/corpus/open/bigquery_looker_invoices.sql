SELECT
    (FORMAT_TIMESTAMP('%Y-%m', invoices.issued_at )) AS invoices_issued_month,
    accounts.segment  AS accounts_segment,
    COALESCE(SUM(CASE WHEN NOT (invoices.status  = 'void') THEN invoices.amount  ELSE NULL END), 0) AS invoices_total_amount,
    AVG(CASE WHEN NOT (invoices.status  = 'void') THEN ( invoices.amount - invoices.tax  )  ELSE NULL END) AS invoices_average_net_value
FROM `acme-prod.core.invoices`  AS invoices
LEFT JOIN `acme-prod.core.accounts`  AS accounts ON invoices.account_id = accounts.account_id
WHERE ((( invoices.issued_at  ) >= ((TIMESTAMP('2025-01-01 00:00:00'))) AND ( invoices.issued_at  ) < ((TIMESTAMP('2026-01-01 00:00:00')))))
GROUP BY
    1,
    2
ORDER BY
    1 DESC
LIMIT 5000
