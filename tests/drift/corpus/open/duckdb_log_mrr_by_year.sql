/* ran 2024-05-02 08:11:04, 412 ms */
select extract(year from s.snapshot_on) as y, sum(s.mrr) as mrr, count(distinct s.account_id) as customers
from subscription_snapshots s
join plans p on p.plan_id = s.plan_id and p.fee_type = 'recurring'
group by 1
order by 1 desc
