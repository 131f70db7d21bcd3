with c as (
    select
        c.cart_id,
        c.created_at::date as day,
        max(o.order_id) is not null as ordered
    from carts c
    left join orders o on o.cart_id = c.cart_id
    group by all
)
select
    date_trunc('quarter', day) as quarter,
    count(*) as carts,
    1 - sum(ordered::int) / count(*) as abandonment
from c
group by 1
order by 1
