-- fails when rows come back
with paid as (
    select p.invoice_id, sum(p.amount) as paid, max(p.paid_on) as last_paid_on
    from payments p
    group by p.invoice_id
)
select
    i.invoice_id,
    i.status,
    paid.last_paid_on,
    i.amount - paid.paid as difference
from invoices i
join paid using (invoice_id)
where abs(i.amount - paid.paid) > 0.01
   or (i.status = 'void' and paid.paid <> 0)
