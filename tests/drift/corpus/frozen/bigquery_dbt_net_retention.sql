{{ config(materialized='table') }}

-- one row per month from the second year on
with account_months as (
  select
    date_trunc(s.snapshot_on, month) as month,
    s.account_id,
    sum(s.mrr) as mrr
  from {{ ref('subscription_snapshots') }} as s
  inner join {{ ref('plans') }} as p on p.plan_id = s.plan_id
  where p.fee_type = 'recurring'
  group by 1, 2
),

pairs as (
  select
    date_add(before.month, interval 1 year) as month,
    before.account_id,
    before.mrr as mrr_before,
    later.mrr as mrr_now
  from account_months as before
  inner join account_months as later
    on later.account_id = before.account_id
    and later.month = date_add(before.month, interval 1 year)
)

select
  month,
  count(*) as accounts_compared,
  sum(mrr_now) as retained_mrr,
  round(sum(mrr_now) / sum(mrr_before), 4) as nrr,
  round(sum(least(mrr_now, mrr_before)) / sum(mrr_before), 4) as grr
from pairs
where month <= date '2026-06-01'
group by month
