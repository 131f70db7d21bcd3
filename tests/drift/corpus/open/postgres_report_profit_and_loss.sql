-- profit and loss by quarter, from the ledger
select
    extract(year from e.posted_on) as year,
    extract(quarter from e.posted_on) as quarter,
    -sum(case when a.account_class in ('revenue', 'cost_of_sales', 'operating_expense', 'depreciation') then e.amount end) as ebit,
    -sum(case when a.account_class in ('revenue', 'cost_of_sales', 'operating_expense') then e.amount end) as ebitda,
    -sum(case when a.account_class not in ('asset', 'equity') then e.amount end) as net_income
from gl_entries e
join ledger_accounts a using (ledger_account_id)
group by 1, 2
order by 1, 2
