{{ config(materialized='incremental', unique_key='week', schema='marts_shop') }}

with carts as (

    select
        date_trunc('week', c.created_at)::date as week,
        count(distinct c.cart_id) filter (where c.items > 0) as filled_carts,
        1 - (count(distinct o.cart_id))::numeric / nullif(count(distinct c.cart_id), 0) as abandonment_rate
    from {{ source('shop', 'carts') }} c
    left join {{ source('shop', 'orders') }} o on o.cart_id = c.cart_id
    group by 1

),

shoppers as (

    select
        date_trunc('week', ordered_at)::date as week,
        sum(amount) / count(distinct visitor_id) as sales_per_shopper
    from {{ source('shop', 'orders') }}
    group by 1

)

select week, filled_carts, abandonment_rate, sales_per_shopper
from carts
full join shoppers using (week)
{% if is_incremental() %}
where week >= (select max(week) from {{ this }})
{% endif %}
