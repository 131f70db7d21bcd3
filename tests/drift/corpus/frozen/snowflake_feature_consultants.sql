-- Features of the staffing model: one row per consultant
create or replace table ml.features.consultants as
select
    c.consultant_id,
    c.level,
    datediff('day', max(t.worked_on), '2026-06-30'::date) as days_since_last_entry,
    count(distinct t.project_id) as projects_seen,
    stddev(t.hours) as hours_spread,
    max(iff(t.is_billable, t.rate, null)) as highest_rate,
    min(iff(t.is_billable, t.rate, null)) as lowest_rate,
    mode(dayname(t.worked_on)) as usual_day
from core.consultants as c
left join core.timesheets as t on t.consultant_id = c.consultant_id
group by c.consultant_id, c.level
