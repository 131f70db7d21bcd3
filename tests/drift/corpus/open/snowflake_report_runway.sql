with cash as (
    select date_trunc('month', on_day)::date as month, bank_account, closing
    from core.cash_balances
    qualify row_number() over (partition by bank_account, date_trunc('month', on_day) order by on_day desc) = 1
),
month_cash as (
    select month, sum(closing) as cash from cash group by month
),
flows as (
    select
        date_trunc('month', booked_on)::date as month,
        sum(case direction when 'out' then amount else 0 end) as outflow,
        sum(case direction when 'in' then amount else 0 end) as inflow
    from core.cash_movements
    group by 1
),
burn as (
    select
        month,
        sum(outflow - inflow) over (order by month rows between 2 preceding and current row) as burn_3m,
        avg(outflow) over (order by month rows between 2 preceding and current row) as avg_gross_burn_3m
    from flows
)
select
    c.month,
    c.cash,
    iff(b.burn_3m > 0, c.cash / (b.burn_3m / 3), null) as runway_months,
    c.cash / nullif(b.avg_gross_burn_3m, 0) as runway_months_conservative
from month_cash c
join burn b on b.month = c.month
order by c.month
