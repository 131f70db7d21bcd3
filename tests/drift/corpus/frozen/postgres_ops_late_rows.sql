select 'web_sessions' as source, max(loaded_at) as newest, percentile_cont(0.99) within group (order by extract(epoch from loaded_at - started_at)) as p99_delay_seconds
from web_sessions
where loaded_at > timestamp '2026-06-01'
union all
select 'payments', max(loaded_at), percentile_cont(0.99) within group (order by extract(epoch from loaded_at - paid_on::timestamp))
from payments
where loaded_at > timestamp '2026-06-01'
union all
select 'activities', max(loaded_at), percentile_cont(0.99) within group (order by extract(epoch from loaded_at - happened_at))
from activities
where loaded_at > timestamp '2026-06-01'
