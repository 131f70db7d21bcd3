{{ config(materialized='table', tags=['finance', 'nightly']) }}

with entries as (

    select
        date_trunc('month', e.posted_on) as month,
        a.account_class,
        -1 * sum(e.amount) as result
    from {{ ref('gl_entries') }} as e
    inner join {{ ref('ledger_accounts') }} as a using (ledger_account_id)
    group by all

)

select
    month,
    sum(result) filter (
        where account_class in ('revenue', 'cost_of_sales', 'operating_expense', 'depreciation')
    ) as ebit,
    sum(result) filter (
        where account_class not in ('asset', 'liability', 'equity', 'depreciation', 'interest')
    ) as ebitda,
    sum(result) filter (where account_class not in ('asset', 'liability', 'equity')) as net_result
from entries
group by month
order by month
