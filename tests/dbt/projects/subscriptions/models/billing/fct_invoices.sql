select
    invoice_id,
    account_id,
    cast(issued_on as date) as issued_on,
    cast(nullif(paid_on, '') as date) as paid_on,
    cast(amount as numeric(12, 2)) as amount,
    status
from {{ ref('raw_invoices') }}
