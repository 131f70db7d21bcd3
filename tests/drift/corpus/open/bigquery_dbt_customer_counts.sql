{{ config(materialized='table') }}

with month_ends as (
  select last_day(d, month) as month_end
  from unnest(generate_date_array('2024-01-01', '2026-06-01', interval 1 month)) as d
),

running as (
  select m.month_end, s.account_id, s.mrr
  from month_ends as m
  inner join {{ ref('subscriptions') }} as s
    on s.started_on <= m.month_end
    and (s.ended_on is null or s.ended_on > m.month_end)
  inner join {{ ref('plans') }} as p
    on p.plan_id = s.plan_id and p.fee_type = 'recurring'
),

levels as (
  select month_end, count(distinct account_id) as customers, sum(mrr) as mrr
  from running
  group by month_end
),

losses as (
  select last_day(moved_on, month) as month_end, count(distinct account_id) as churned
  from {{ ref('mrr_movements') }}
  where type = 'churn'
  group by 1
)

select
  l.month_end,
  l.customers,
  l.mrr,
  coalesce(x.churned, 0) / l.customers as churn_rate
from levels as l
left join losses as x on x.month_end = l.month_end
