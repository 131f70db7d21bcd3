select department, count(*) as people, avg(fte) as average_fte, sum(fte) as fte
from headcount_snapshots
where snapshot_on = date '2024-12-31'
group by department
order by 2 desc
