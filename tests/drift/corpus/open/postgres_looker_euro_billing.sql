-- Looker Query Context '{"user_id":41,"history_slug":"5b2d","instance_slug":"acme"}'
SELECT
    (TO_CHAR(DATE_TRUNC('month', DATE_TRUNC('quarter', invoices.issued_at)), 'YYYY-MM')) AS "invoices.issued_quarter",
    accounts.segment AS "accounts.segment",
    COALESCE(SUM(invoices.amount - invoices.tax), 0) AS "invoices.total_net",
    AVG(invoices.amount - invoices.tax) AS "invoices.average_net"
FROM public.invoices AS invoices
LEFT JOIN public.accounts AS accounts ON invoices.account_id = accounts.account_id
LEFT JOIN public.regions AS regions ON accounts.region_id = regions.region_id
WHERE (invoices.status) IN ('open', 'paid') AND (regions.currency_zone) = 'EUR'
GROUP BY
    (DATE_TRUNC('quarter', invoices.issued_at)),
    2
ORDER BY
    1 DESC
LIMIT 500
