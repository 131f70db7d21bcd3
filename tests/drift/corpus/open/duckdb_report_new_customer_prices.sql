with wins as (
    select account_id, moved_on, delta
    from mrr_movements
    where type = 'new'
),
spend as (
    select date_trunc('quarter', spent_on) as quarter, sum(amount) as spend
    from marketing_spend
    where amount > 0
    group by 1
),
won as (
    select
        date_trunc('quarter', moved_on) as quarter,
        count(distinct account_id) as new_customers,
        sum(delta) / count(distinct account_id) as entry_price,
        sum(delta) as new_mrr
    from wins
    group by 1
)
select
    quarter,
    entry_price,
    spend / new_customers as acquisition_cost,
    spend / new_mrr as spend_per_new_mrr
from won
join spend using (quarter)
order by quarter
