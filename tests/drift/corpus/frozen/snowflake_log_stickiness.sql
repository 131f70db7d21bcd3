/* dbt_cloud_job: none; user: growth_analyst; warehouse: ADHOC_XS */
select
    count(distinct iff(happened_at::date = '2026-06-30', user_id, null)) as dau,
    count(distinct user_id) as mau,
    dau / mau as dau_mau
from analytics.core.product_events
where happened_at >= dateadd(day, -30, '2026-06-30'::date) and happened_at < '2026-07-01';
