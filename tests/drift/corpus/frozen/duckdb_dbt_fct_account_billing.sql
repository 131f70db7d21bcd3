{{ config(materialized='incremental', unique_key=['account_id', 'billing_month']) }}

with documents as (
    select
        account_id,
        date_trunc('month', issued_at)::date as billing_month,
        status,
        amount - tax as net_amount
    from {{ ref('invoices') }}
    where account_id is not null
    {% if is_incremental() %}
      and issued_at >= (select max(billing_month) from {{ this }})
    {% endif %}
)

select
    account_id,
    billing_month,
    coalesce(sum(net_amount) filter (where status <> 'void'), 0) as net_billed,
    count_if(status = 'void') / count(*) as void_rate
from documents
group by all
