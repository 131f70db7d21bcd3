{{ config(materialized='table') }}

with done as (
  select sprint_id, sum(points) as points
  from {{ ref('work_items') }}
  where done_at is not null and sprint_id is not null
  group by sprint_id
),

people as (
  select sprint_id, count(*) as engineers
  from {{ ref('sprint_members') }}
  group by sprint_id
)

select
  date_trunc(s.started_on, quarter) as quarter,
  s.team,
  sum(done.points) as points_done,
  avg(safe_divide(done.points, people.engineers)) as velocity
from {{ ref('sprints') }} as s
left join done on done.sprint_id = s.sprint_id
left join people on people.sprint_id = s.sprint_id
group by quarter, team
