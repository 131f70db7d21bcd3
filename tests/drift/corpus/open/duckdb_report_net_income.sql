with signed as (
  select e.posted_on, a.account_class, -e.amount as profit
  from gl_entries e
  join ledger_accounts a using (ledger_account_id)
  where a.account_class not in ('asset', 'liability', 'equity')
)
select date_trunc('year', posted_on) as year,
       sum(profit) as net_income,
       sum(profit) filter (where account_class <> 'interest') as ebit,
       sum(profit) filter (where account_class in ('revenue', 'cost_of_sales')) as gross_profit
from signed
group by 1
