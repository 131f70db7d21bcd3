-- quick look for the board call: is marketing paying off?
with s as (
  select date_trunc('quarter', spent_on) as q, sum(amount) as spend
  from marketing_spend
  group by q
), n as (
  select date_trunc('quarter', moved_on) as q,
         sum(delta) as first_mrr,
         avg(delta) as start_price
  from mrr_movements
  where type = 'new'
  group by q
), a as (
  select date_trunc('quarter', created_on) as q, count(*) as accounts
  from accounts
  group by q
)
select s.q as quarter,
       s.spend / a.accounts       as cac,
       12 * n.first_mrr / s.spend as first_year_return,
       n.start_price,
from s
left join n on n.q = s.q
left join a on a.q = s.q
order by all
