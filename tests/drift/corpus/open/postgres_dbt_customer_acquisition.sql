{{ config(schema='marketing') }}
with spend as (
    select date_trunc('month', spent_on)::date as month, sum(amount) as spend
    from {{ source('core', 'marketing_spend') }}
    group by 1
),
won as (
    select date_trunc('month', moved_on)::date as month, count(distinct account_id) as customers
    from {{ ref('mrr_movements') }}
    where type = 'new'
    group by 1
)
select s.month, s.spend, w.customers, s.spend / nullif(w.customers, 0) as acquisition_cost
from spend s
left join won w on w.month = s.month
