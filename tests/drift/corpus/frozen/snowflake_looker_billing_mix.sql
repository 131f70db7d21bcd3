-- Looker Query Context '{"user_id":52,"history_slug":"c04e","instance_slug":"acme"}'
SELECT
    (TO_CHAR(DATE_TRUNC('month', DATE_TRUNC('quarter', invoices.ISSUED_AT )), 'YYYY-MM')) AS "invoices.issued_quarter",
    COALESCE(SUM(invoices.AMOUNT ), 0) AS "invoices.total_with_tax",
    (COALESCE(SUM(CASE WHEN accounts.SEGMENT = 'enterprise' THEN invoices.AMOUNT - invoices.TAX END), 0)) / NULLIF(COALESCE(SUM(invoices.AMOUNT - invoices.TAX ), 0), 0) AS "invoices.enterprise_share",
    COUNT(CASE WHEN invoices.IS_SERVICES THEN 1 END) / NULLIF(COUNT(*), 0) AS "invoices.services_share"
FROM CORE.INVOICES  AS invoices
LEFT JOIN CORE.ACCOUNTS  AS accounts ON invoices.ACCOUNT_ID = accounts.ACCOUNT_ID
WHERE invoices.STATUS <> 'void' AND ((( invoices.ISSUED_AT ) >= (TO_TIMESTAMP('2025-01-01'))))
GROUP BY
    (DATE_TRUNC('quarter', invoices.ISSUED_AT ))
ORDER BY
    1 DESC
FETCH NEXT 500 ROWS ONLY
