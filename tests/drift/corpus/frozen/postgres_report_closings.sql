-- Sales weekly, appendix: closings by month
select date_trunc('month', o.closed_at)::date as month,
       count(*) as closed,
       -- quarter to date
       sum(sum(o.amount) filter (where o.stage = 'won')) over (
           partition by date_trunc('quarter', date_trunc('month', o.closed_at))
           order by date_trunc('month', o.closed_at)
       ) as won_qtd,
       percentile_cont(0.5) within group (order by o.closed_at::date - o.created_at::date) as sales_cycle_days,
       round(
           count(*) filter (where o.stage = 'won' and o.type = 'cross_sell')::numeric
           / nullif(count(*), 0), 3) as cross_sell_conversion
from opportunities o
where o.stage in ('won', 'lost')
  and o.closed_at >= '2025-01-01'
group by date_trunc('month', o.closed_at)
order by 1
