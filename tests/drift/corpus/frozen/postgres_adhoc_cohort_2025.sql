-- for the board call: what became of last June's customers, by size
with then_ as (
  select s.account_id, sum(s.mrr) as mrr
  from subscription_snapshots s
  join plans p on p.plan_id = s.plan_id
  where s.snapshot_on = '2025-06-30' and p.fee_type = 'recurring'
  group by s.account_id
),
now_ as (
  select s.account_id, sum(s.mrr) as mrr
  from subscription_snapshots s
  join plans p on p.plan_id = s.plan_id
  where s.snapshot_on = '2026-06-30' and p.fee_type = 'recurring'
  group by s.account_id
)
select a.segment,
       sum(t.mrr)              as mrr_june_2025,
       sum(n.mrr)              as retained_mrr,
       sum(n.mrr) / sum(t.mrr) as nrr
from then_ t
join now_ n on n.account_id = t.account_id
left join accounts a on a.account_id = t.account_id
group by a.segment
order by 2 desc
