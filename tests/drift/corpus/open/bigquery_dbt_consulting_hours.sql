{{ config(materialized='view', labels={'team': 'delivery'}) }}

select
  date_trunc(t.worked_on, isoweek) as week,
  c.level,
  count(distinct t.consultant_id) as consultants,
  safe_divide(sum(if(t.is_billable, t.hours, 0)), sum(t.hours)) as utilisation,
  round(avg(if(t.is_billable, t.rate, null)), 2) as average_rate
from {{ ref('timesheets') }} as t
inner join {{ ref('consultants') }} as c using (consultant_id)
group by week, level
