SELECT date_trunc('year', hired_on) AS year,
       count(*) AS hires,
       count(left_on) AS leavers,
       avg(monthly_cost) AS average_cost
FROM employees
GROUP BY 1
