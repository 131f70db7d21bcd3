-- rows of a month's end against the one before; more than a fifth off is an alarm
with n as (
    select snapshot_on, count(*) as row_count, count(distinct invoice_id) as invoice_ids
    from receivable_snapshots
    group by snapshot_on
)
select
    snapshot_on,
    row_count - invoice_ids as duplicates,
    row_count::numeric / lag(row_count) over (order by snapshot_on) - 1 as change
from n
where snapshot_on >= date '2025-01-01'
