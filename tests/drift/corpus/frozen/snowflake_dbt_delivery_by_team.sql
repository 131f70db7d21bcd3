{{ config(materialized='table', cluster_by=['done_week']) }}

-- One row per team and week. Stories, bugs and tasks alike.
with finished as (

    select
        item_id,
        team,
        points,
        sprint_id,
        date_trunc('week', done_at)::date as done_week,
        datediff('second', started_at, done_at) / 86400 as days_in_work
    from {{ ref('work_items') }}
    where done_at is not null

)

select
    done_week,
    team,
    count(item_id) as items_done,
    median(days_in_work) as cycle_time_days,
    sum(points) as sprint_points,
    max(days_in_work) as longest_days
from finished
group by done_week, team
