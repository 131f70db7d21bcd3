with monthly as (
    select date_trunc('month', recognised_on) as month,
           sum(amount) as amount
    from main.revenue_lines
    group by 1
)
select strftime(month, '%Y-%m') as period,
       amount / lag(amount, 12) over w - 1 as yoy_growth,
       sum(amount) over (order by month rows between 12 preceding and current row) as last_12_months
from monthly
window w as (order by month)
order by month
