{{ config(materialized='table', schema='consulting') }}

with bills as (

    select invoice_id, account_id, issued_at, amount
    from {{ ref('invoices') }}
    where status != 'void'
      and is_services

),

receipts as (

    select invoice_id, amount from {{ ref('payments') }}

)

select
    last_day(bills.issued_at, 'quarter')                  as quarter_end,
    sum(bills.amount)                                     as services_billed,
    sum(receipts.amount)                                  as services_collected,
    div0(sum(receipts.amount), sum(bills.amount))         as realization_rate
from bills
left join receipts
    on receipts.invoice_id = bills.invoice_id
group by 1
