-- Management report, page 4: profitability by quarter
-- ledger: debits > 0, credits < 0
WITH ledger AS (
    SELECT date_trunc('quarter', e.posted_on)::date AS quarter,
           -sum(e.amount) FILTER (WHERE a.account_class IN ('revenue', 'cost_of_sales', 'operating_expense')) AS ebitda,
           sum(e.amount) FILTER (WHERE a.account_class = 'depreciation') AS depreciation,
           -sum(e.amount) FILTER (WHERE a.account_class IN ('revenue', 'cost_of_sales', 'operating_expense', 'depreciation')) AS profit
    FROM gl_entries e
    JOIN ledger_accounts a ON a.ledger_account_id = e.ledger_account_id
    GROUP BY 1
),
recognised AS (
    SELECT date_trunc('quarter', recognised_on)::date AS quarter, sum(amount) AS revenue
    FROM revenue_lines
    GROUP BY 1
)
SELECT to_char(l.quarter, 'YYYY-MM')                 AS quarter_start,
       l.ebitda,
       round(l.ebitda / nullif(r.revenue, 0), 4)     AS ebitda_margin,
       l.depreciation                                AS written_off,
       round(l.profit / nullif(r.revenue, 0), 4)     AS profit_margin
FROM ledger l
LEFT JOIN recognised r ON r.quarter = l.quarter
WHERE l.quarter >= DATE '2025-01-01'
ORDER BY l.quarter;
