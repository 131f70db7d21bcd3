{{ config(materialized='table') }}

with days as (
    select generate_series(date '2026-01-01', date '2026-06-30', interval '1 day')::date as day
),

activity as (
    select distinct user_id, happened_at::date as day
    from {{ ref('product_events') }}
    where user_id is not null
)

select
    d.day,
    count(distinct a.user_id) filter (where a.day = d.day) as dau,
    count(distinct a.user_id) filter (where a.day > d.day - 7) as wau,
    count(distinct a.user_id) as mau,
    count(distinct a.user_id) filter (where a.day = d.day)::numeric
        / nullif(count(distinct a.user_id), 0) as stickiness
from days d
left join activity a on a.day between d.day - 29 and d.day
group by d.day
