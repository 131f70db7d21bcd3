{{ config(materialized='incremental', unique_key='opened_on', on_schema_change='append_new_columns') }}

select
    t.opened_at::date as opened_on,
    t.priority,
    count(*) as tickets,
    count(t.escalated_at)::numeric / count(*) as escalation_rate,
    count(*) filter (where t.resolved_at <= t.sla_due_at)::numeric
        / nullif(count(t.resolved_at), 0) as sla_rate,
    count(t.reopened_at)::numeric / count(*) as reopen_rate
from {{ source('support', 'tickets') }} as t
{% if is_incremental() %}
where t.opened_at > (select max(opened_on) from {{ this }})
{% endif %}
group by 1, 2
