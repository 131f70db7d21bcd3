{{ config(materialized='incremental', unique_key='account_id') }}
select
    i.account_id,
    stddev_samp(i.amount) as amount_stddev,
    max(i.amount) as amount_max,
    min(i.issued_at) as first_invoice_at,
    date_diff('day', max(i.issued_at), current_timestamp::timestamp) as days_since_invoice,
    avg(case when i.paid_on > i.due_on then 1 else 0 end) as late_share
from {{ ref('invoices') }} i
where i.account_id is not null
group by i.account_id
