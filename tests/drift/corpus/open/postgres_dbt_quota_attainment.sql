{{ config(materialized='table') }}

with won as (
    select
        employee_id,
        date_trunc('month', created_at)::date as month_on,
        sum(amount) as won_amount
    from {{ ref('opportunities') }}
    where stage = 'won'
    group by 1, 2
),

target as (
    select employee_id, month_on, sum(amount) as quota
    from {{ ref('quotas') }}
    group by 1, 2
)

select
    coalesce(target.employee_id, won.employee_id) as employee_id,
    coalesce(target.month_on, won.month_on) as month_on,
    coalesce(won.won_amount, 0) as won_amount,
    target.quota,
    won.won_amount / nullif(target.quota, 0) as attainment
from target
full outer join won
    on won.employee_id = target.employee_id
    and won.month_on = target.month_on
