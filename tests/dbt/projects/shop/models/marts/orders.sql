with

items as (

    select
        order_id,
        sum(supply_cost) as order_cost,
        count(*) as count_order_items,
        count(case when is_food_item then 1 end) as count_food_items,
        count(case when is_drink_item then 1 end) as count_drink_items

    from {{ ref('order_items') }}

    group by 1

)

select
    orders.*,
    items.order_cost,
    coalesce(items.count_order_items, 0) as count_order_items,
    coalesce(items.count_food_items > 0, false) as is_food_order,
    coalesce(items.count_drink_items > 0, false) as is_drink_order,
    case
        when orders.customer_id is not null
            then row_number() over (
                partition by orders.customer_id
                order by orders.ordered_at, orders.order_id
            )
    end as customer_order_number

from {{ ref('stg_orders') }} as orders
left join items on orders.order_id = items.order_id
