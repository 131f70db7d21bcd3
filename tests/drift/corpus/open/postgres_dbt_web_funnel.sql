with visits as (
    select date_trunc('month', started_at)::date as month,
           count(distinct visitor_id) as visitors,
           avg((pages = 1)::int) as bounce_rate
    from {{ ref('web_sessions') }}
    group by 1
),
leads as (
    select date_trunc('month', created_at)::date as month, count(distinct lower(email)) as leads
    from {{ ref('leads') }}
    group by 1
)
select v.month, v.visitors, v.bounce_rate, l.leads, l.leads::numeric / v.visitors as capture_rate
from visits v
join leads l using (month)
