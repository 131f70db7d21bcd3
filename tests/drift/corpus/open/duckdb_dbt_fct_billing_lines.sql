{{ config(materialized='view') }}
with billed as (
    select i.invoice_id, i.account_id, i.issued_at, i.amount - i.tax as net, l.product_id
    from {{ ref('invoices') }} i
    join {{ ref('revenue_lines') }} l on l.invoice_id = i.invoice_id
    where i.status <> 'void'
)
select p.family, date_trunc('month', b.issued_at) as month,
       sum(b.net) as invoiced,
       count(b.invoice_id) as invoices,
       count(distinct b.account_id) as accounts
from billed b
join {{ ref('products') }} p using (product_id)
group by 1, 2
