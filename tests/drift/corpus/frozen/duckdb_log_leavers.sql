/* user=people_analytics app=dbeaver 2026-06-11T08:14:55Z rows=11 */
select year(left_on) as y, department, count(*) as leavers
from employees
where left_on is not null
group by y, department
order by y, leavers desc;
