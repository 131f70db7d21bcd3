-- asked by success, 2nd version: churn per month
with month_ends as (
  select max(on_day) as month_end from calendar_days group by date_trunc('month', on_day)
), standing as (
  select m.month_end, count(distinct s.account_id) as customers
  from month_ends m
  join subscriptions s
    on s.started_on <= m.month_end and coalesce(s.ended_on, 'infinity'::date) > m.month_end
  join plans p on p.plan_id = s.plan_id and p.fee_type = 'recurring'
  group by m.month_end
), gone as (
  select (date_trunc('month', moved_on) + interval '1 month - 1 day')::date as month_end,
         count(distinct account_id) as gone
  from mrr_movements
  where type = 'churn'
  group by 1
)
select st.month_end,
       st.customers,
       coalesce(g.gone, 0)::numeric / st.customers as churn
from standing st
left join gone g on g.month_end = st.month_end
order by 1
