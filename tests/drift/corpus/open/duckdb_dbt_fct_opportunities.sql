{{ config(materialized='table') }}
with closed as (
    select opportunity_id, type, amount, stage, closed_at::date as closed_on
    from {{ ref('opportunities') }}
    where closed_at is not null
)
select
    date_trunc('quarter', closed_on) as quarter,
    count(*) filter (where stage = 'won') as won,
    sum(amount) filter (where stage = 'won') as won_value,
    count(*) filter (where stage = 'won') / nullif(count(*) filter (where stage in ('won', 'lost')), 0) as win_rate,
    avg(case when stage = 'won' then amount end) as deal_size
from closed
group by 1
