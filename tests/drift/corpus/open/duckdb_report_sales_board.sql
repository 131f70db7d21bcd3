-- Sales board, monthly page
with sold as (
  select date_trunc('month', closed_at)::date as month, sum(amount) as sold
  from opportunities
  where stage = 'won'
  group by 1
),
target as (
  select month_on as month, sum(amount) as target
  from quotas
  group by month_on
),
pipe as (
  select date_trunc('month', snapshot_on)::date as month, sum(amount) as open_amount
  from opportunity_snapshots
  group by 1
)
select t.month,
       s.sold / t.target as attainment,
       p.open_amount     as pipeline
from target t
left join sold s on s.month = t.month
left join pipe p on p.month = t.month
order by t.month;
