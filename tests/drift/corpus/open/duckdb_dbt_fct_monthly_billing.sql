{{ config(materialized='table', tags=['finance']) }}

with source as (
    select * from {{ ref('invoices') }}
),

renamed as (
    select
        invoice_id,
        account_id,
        cast(issued_at as date) as invoice_date,
        status as invoice_status,
        is_services,
        amount - tax as net_amount
    from source
),

valid as (
    select * from renamed where invoice_status != 'void'
)

select
    date_trunc('month', invoice_date) as billing_month,
    sum(net_amount) as net_billed,
    sum(case when is_services then net_amount end) as net_services,
    count(*) as documents
from valid
group by 1
