{{ config(materialized='table', tags=['features']) }}

select
    l.lead_id,
    l.score,
    l.channel,
    max(s.pages) as most_pages,
    avg(s.seconds) as mean_seconds,
    stddev_pop(s.seconds) as spread_of_seconds,
    extract(epoch from l.created_at - min(s.started_at)) / 86400 as days_since_first_visit,
    bool_or(s.landing_page = '/pricing') as saw_pricing,
    split_part(l.email, '@', 2) as mail_domain
from {{ ref('leads') }} l
left join {{ ref('web_sessions') }} s
    on s.visitor_id = l.visitor_id
    and s.started_at < l.created_at
group by l.lead_id, l.score, l.channel, l.created_at, l.email
