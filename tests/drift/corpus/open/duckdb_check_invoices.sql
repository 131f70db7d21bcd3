{# fails if it returns a row #}
select
    count(*) as row_count,
    count(*) filter (where account_id is null) as without_account,
    count(*) - count(distinct invoice_id) as duplicates,
    max(issued_at) as latest,
    max(abs(amount)) as largest_amount
from {{ ref('invoices') }}
having count(*) - count(distinct invoice_id) > 0
