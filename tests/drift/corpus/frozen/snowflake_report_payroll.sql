-- run rate of salaries and training for the budget round
with present as (
    select department, sum(monthly_cost) as monthly_payroll, avg(datediff('day', hired_on, current_date)) / 365.25 as avg_tenure_years
    from hr.employees
    where left_on is null or left_on > current_date
    group by department
),
courses as (
    select e.department, sum(t.cost) as training_cost
    from hr.training t
    join hr.employees e on e.employee_id = t.employee_id
    where t.held_on >= dateadd('year', -1, current_date)
    group by 1
)
select p.department, p.monthly_payroll, p.monthly_payroll * 12 as annual_payroll, c.training_cost, round(p.avg_tenure_years, 1) as avg_tenure_years
from present p
left join courses c on c.department = p.department
order by annual_payroll desc
