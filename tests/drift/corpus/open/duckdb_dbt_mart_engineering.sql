{{ config(materialized='table', schema='engineering') }}

{# DORA figures of each month #}

with deploys as (
    select
        date_trunc('month', deployed_at) as month,
        count(*) as deploys
    from {{ ref('deployments') }}
    where environment = 'production'
    group by 1
),

incidents as (
    select
        date_trunc('month', started_at) as month,
        count(*) filter (where severity in (1, 2)) as severe_incidents,
        avg(epoch(restored_at) - epoch(started_at)) / 3600 as mttr_hours
    from {{ ref('incidents') }}
    group by 1
),

working as (
    select date_trunc('month', on_day) as month, count(*) as days
    from {{ ref('calendar_days') }}
    where is_working_day
    group by 1
)

select
    working.month,
    deploys.deploys,
    deploys.deploys / working.days as deploys_per_day,
    incidents.severe_incidents,
    incidents.mttr_hours
from working
left join deploys using (month)
left join incidents using (month)
