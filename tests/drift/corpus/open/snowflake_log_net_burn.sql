/* {"app":"Snowsight","role":"FINANCE_READ","warehouse":"REPORTING_XS","query_tag":"board pack"} */
select
  last_day(booked_on) as month_end,
  sum(iff(direction = 'out', amount, -amount)) as net_burn,
  sum(iff(direction = 'out' and category not in ('tax', 'equipment'), amount, 0)) as gross_burn
from core.cash_movements
where booked_on >= '2024-01-01' and booked_on < '2026-01-01'
group by all
order by month_end;
