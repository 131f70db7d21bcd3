-- how late do rows arrive? alerts above two days
select 'payments' as relation,
       max(loaded_at - paid_on::timestamp) as worst,
       percentile_cont(0.95) within group (order by extract(epoch from loaded_at - paid_on::timestamp)) as p95_seconds,
       bool_or(loaded_at < paid_on::timestamp) as before_the_fact
from payments
union all
select 'web_sessions',
       max(loaded_at - started_at),
       percentile_cont(0.95) within group (order by extract(epoch from loaded_at - started_at)),
       bool_or(loaded_at < started_at)
from web_sessions
