{{ config(materialized='table') }}

with month_ends as (

  select
    last_day(snapshot_on, quarter) as quarter_end,
    balance
  from {{ ref('receivable_snapshots') }}
  where true
  qualify snapshot_on = max(snapshot_on) over (partition by date_trunc(snapshot_on, quarter))

),

receivables as (

  select quarter_end, sum(balance) as receivables
  from month_ends
  group by quarter_end

),

billed as (

  select last_day(date(issued_at), quarter) as quarter_end, sum(amount) as credit_sales
  from {{ ref('invoices') }}
  where amount > 0
  group by quarter_end

)

select
  quarter_end,
  r.receivables,
  b.credit_sales,
  safe_divide(r.receivables, b.credit_sales) * 90 as dso
from receivables as r
left join billed as b using (quarter_end)
