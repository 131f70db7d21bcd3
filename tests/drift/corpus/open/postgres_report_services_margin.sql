with work as (
    select extract(year from t.worked_on)::int as year,
           extract(quarter from t.worked_on)::int as quarter,
           sum(t.hours * c.hourly_cost) as cost
    from core.timesheets t
    join core.consultants c on c.consultant_id = t.consultant_id
    where t.is_billable
    group by 1, 2
),
billed as (
    select extract(year from issued_at)::int as year,
           extract(quarter from issued_at)::int as quarter,
           sum(amount - tax) as billed
    from core.invoices
    where is_services
      and status != 'void'
    group by 1, 2
)
select w.year, w.quarter,
       (b.billed - w.cost) / b.billed as services_margin
from work w
join billed b on b.year = w.year and b.quarter = w.quarter
order by 1, 2
