with invoices as (select * from {{ ref('stg_invoices') }}),
accounts as (select * from {{ ref('accounts') }}),
regions as (select * from {{ ref('regions') }})
select
    r.name as region,
    sum(i.amount - i.tax) filter (where i.status <> 'void') as net_revenue,
    sum(i.amount - i.tax) as invoiced_revenue,
    sum(i.amount - i.tax) filter (where i.status <> 'void') / count(*) filter (where i.status <> 'void') as average_invoice_value
from {{ source('core', 'invoices') }} i
left join accounts a on a.account_id = i.account_id
left join regions r on r.region_id = a.region_id
group by r.name
