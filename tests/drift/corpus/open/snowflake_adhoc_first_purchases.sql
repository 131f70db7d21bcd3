-- what does a new customer bring at the start, and how fast does it leak?
select
  to_char(m.moved_on, 'YYYY-MM') as ym,
  sum(case when m.type = 'new' then m.delta end)
    / nullif(count(distinct case when m.type = 'new' then m.account_id end), 0) as first_price,
  -1 * sum(case when m.type = 'churn' then m.delta else 0 end) as churned_mrr,
  sum(case when m.type in ('new', 'expansion') then m.delta else 0 end)
    / nullif(-1 * sum(case when m.type = 'churn' then m.delta else 0 end), 0) as quick_ratio
from core.mrr_movements m
group by 1
order by 1
