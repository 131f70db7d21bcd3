select
    date_trunc('month', t.resolved_at)::date as month,
    count(*) as tickets,
    avg((t.resolved_at <= t.sla_due_at)::int) as resolution_rate,
    avg((t.reopened_at is not null)::int) as reopen_rate,
    percentile_cont(0.5) within group (order by extract(epoch from t.resolved_at - t.opened_at) / 3600) as resolution_hours
from {{ source('core', 'tickets') }} t
where t.resolved_at is not null
group by 1
