{{ config(materialized='table', tags=['web', 'daily']) }}

with sessions as (
    select
        session_id,
        visitor_id,
        channel,
        device,
        pages,
        started_at::date as visit_date
    from {{ source('web', 'web_sessions') }}
)

select
    visit_date,
    device,
    count(distinct visitor_id) as visitors,
    count_if(channel = 'organic') as organic_visits,
    count_if(pages = 1) / count(distinct visitor_id) as bounce_rate,
    avg(pages) as pages_per_visit
from sessions
group by visit_date, device
