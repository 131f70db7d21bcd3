{{ config(materialized='table', tags=['delivery', 'monthly']) }}

-- Delivery per team and month. Feeds the staffing meeting.
with entries as (
    select
        t.entry_id,
        t.consultant_id,
        t.worked_on,
        t.hours,
        t.is_billable,
        c.team
    from {{ ref('timesheets') }} as t
    left join {{ ref('consultants') }} as c on c.consultant_id = t.consultant_id
),

with_presence as (
    select
        e.*,
        cap.hours as present_hours
    from entries as e
    join {{ ref('capacity') }} as cap
        on cap.consultant_id = e.consultant_id
        and cap.on_day = e.worked_on
),

recorded as (
    select
        team,
        date_trunc('month', worked_on)::date as month,
        sum(hours) as hours_recorded,
        sum(case when is_billable then hours else 0 end) / sum(hours) as billable_utilisation
    from entries
    group by all
),

present as (
    select
        team,
        date_trunc('month', worked_on)::date as month,
        sum(hours) filter (where is_billable) / nullif(sum(present_hours), 0) as utilization
    from with_presence
    group by all
)

select r.team, r.month, r.hours_recorded, r.billable_utilisation, p.utilization
from recorded as r
left join present as p on p.team = r.team and p.month = r.month
