-- Payments against invoices; the pipeline stops if any row comes back
with broken as (
  select 'payment before its invoice' as problem, count(*) as n
  from {{ ref('payments') }} p
  join {{ ref('invoices') }} i on i.invoice_id = p.invoice_id
  where p.paid_on < i.issued_at::date
  union all
  select 'paid, but nothing received', count(*)
  from {{ ref('invoices') }} i
  where i.status = 'paid'
    and not exists (select 1 from {{ ref('payments') }} p where p.invoice_id = i.invoice_id)
  union all
  select 'void, but something received', count(*)
  from {{ ref('invoices') }} i
  semi join {{ ref('payments') }} p on p.invoice_id = i.invoice_id
  where i.status = 'void'
  union all
  select 'account of payment differs', sum((p.account_id is distinct from i.account_id)::int)
  from {{ ref('payments') }} p
  join {{ ref('invoices') }} i using (invoice_id)
)
select problem, n
from broken
where n > 0
