WITH pl AS (
    SELECT
        DATE_TRUNC('quarter', e.posted_on)::DATE AS quarter,
        la.account_class,
        -1 * SUM(e.amount) AS amount
    FROM finance.gl_entries e
    INNER JOIN finance.ledger_accounts la ON la.ledger_account_id = e.ledger_account_id
    WHERE la.account_class NOT IN ('asset', 'liability', 'equity')
    GROUP BY 1, 2
), billed AS (
    SELECT DATE_TRUNC('quarter', issued_at)::DATE AS quarter, SUM(amount) AS turnover
    FROM finance.invoices
    WHERE status != 'void'
    GROUP BY 1
), totals AS (
    SELECT
        quarter,
        SUM(IFF(account_class NOT IN ('interest', 'depreciation'), amount, 0)) AS ebitda,
        SUM(amount) AS net_income
    FROM pl
    GROUP BY quarter
)
SELECT t.quarter, t.ebitda, t.net_income, t.net_income / b.turnover AS profit_margin
FROM totals t
JOIN billed b USING (quarter)
ORDER BY t.quarter
