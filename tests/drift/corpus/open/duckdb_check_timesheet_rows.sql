-- dq: timesheets, fails when any column of the row is not 0
select
    count(*) - count(distinct entry_id) as duplicate_keys,
    count_if(is_billable and rate is null) as billable_without_rate,
    count_if(is_billable and project_id is null) as billable_without_project,
    count_if(hours <= 0 or hours > 14) as odd_hours,
    count_if(worked_on > current_date) as in_the_future,
    count_if(c.consultant_id is null) as unknown_consultants
from timesheets t
left join consultants c on c.consultant_id = t.consultant_id
