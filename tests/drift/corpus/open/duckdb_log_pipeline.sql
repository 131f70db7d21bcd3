-- 2024-09-09 09:00:01 | rows=31
select date_trunc('month', snapshot_on) as month, sum(amount) as pipeline
from opportunity_snapshots
group by month
order by month
