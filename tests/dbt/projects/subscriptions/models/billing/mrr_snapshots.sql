-- The first of each month: what every running subscription is worth.
select
    cast(snapshot_date as date) as snapshot_date,
    subscription_id,
    account_id,
    cast(mrr as numeric(12, 2)) as mrr
from {{ ref('raw_mrr_snapshots') }}
