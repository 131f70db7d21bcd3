-- nightly: a row for each rule that is broken
with bad as (
    select 'discount above list price' as rule, line_id, amount
    from revenue_lines
    where discount > list_amount and list_amount > 0
    union all
    select 'net is not list less discount', line_id, amount
    from revenue_lines
    where abs(list_amount - discount - amount) > 0.01
    union all
    select 'not on the last day of a month', line_id, amount
    from revenue_lines
    where recognised_on <> (date_trunc('month', recognised_on) + interval '1 month' - interval '1 day')::date
    union all
    select 'invoice unknown', l.line_id, l.amount
    from revenue_lines l
    left join invoices i on i.invoice_id = l.invoice_id
    where i.invoice_id is null
)
select rule,
       count(*)      as revenue_lines,
       min(line_id)  as first_line_id,
       max(abs(amount)) as largest_amount
from bad
group by rule
having count(*) > 0
order by 2 desc
