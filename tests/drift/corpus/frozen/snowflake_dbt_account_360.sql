{{ config(materialized='table', cluster_by=['segment']) }}

with billing as (
    select
        account_id,
        sum(amount - tax) as lifetime_revenue,
        max(issued_at) as last_invoice_at
    from {{ ref('invoices') }}
    where status in ('paid', 'open')
    group by account_id
),

support as (
    select account_id, count(*) as tickets, max(opened_at) as last_ticket_at
    from {{ ref('tickets') }}
    group by account_id
),

paid as (
    select account_id, sum(iff(amount > 0, amount, 0)) as payments_received
    from {{ ref('payments') }}
    group by account_id
)

select
    a.account_id,
    a.name,
    a.segment,
    a.industry,
    b.lifetime_revenue,
    p.payments_received,
    zeroifnull(s.tickets) as tickets,
    b.last_invoice_at,
    datediff('day', s.last_ticket_at, current_timestamp()) as days_since_last_ticket
from {{ ref('accounts') }} a
left join billing b on b.account_id = a.account_id
left join support s on s.account_id = a.account_id
left join paid p on p.account_id = a.account_id
