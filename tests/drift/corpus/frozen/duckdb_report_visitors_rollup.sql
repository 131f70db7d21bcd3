with daily as (
    select
        cast(started_at as date) as day,
        count(distinct visitor_id) as visitors,
        count(*) as visits
    from web_sessions
    group by 1
)
select
    date_trunc('month', day) as month,
    sum(visitors) as visitors,
    sum(visits) as visits,
    sum(visits) / sum(visitors) as visits_per_visitor
from daily
group by 1
order by 1
