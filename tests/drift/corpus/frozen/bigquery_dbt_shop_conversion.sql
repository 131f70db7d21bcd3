{{ config(materialized='view') }}

with cart_outcomes as (
  select
    c.cart_id,
    date_trunc(date(c.created_at), month) as month,
    max(if(o.ordered_at < timestamp_add(c.created_at, interval 24 hour), 1, 0)) as was_ordered
  from {{ source('shop', 'carts') }} as c
  left join {{ source('shop', 'orders') }} as o
    on o.cart_id = c.cart_id
    and o.ordered_at >= c.created_at
  where c.items > 0
  group by 1, 2
),

conversion as (
  select month, avg(was_ordered) as cart_conversion
  from cart_outcomes
  group by month
),

sales as (
  select
    date_trunc(date(ordered_at), month) as month,
    count(*) as orders,
    avg(amount) as sales_per_shopper,
    sum(if(returned_on is not null, amount, 0)) / sum(amount) as return_rate
  from {{ source('shop', 'orders') }}
  group by month
)

select month, cart_conversion, orders, sales_per_shopper, return_rate
from conversion
left join sales using (month)
