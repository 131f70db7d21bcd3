with

lifetime as (

    select
        customer_id,
        count(*) as count_lifetime_orders,
        min(ordered_at) as first_ordered_at,
        max(ordered_at) as last_ordered_at,
        sum(subtotal) as lifetime_spend_pretax,
        sum(order_total) as lifetime_spend

    from {{ ref('orders') }}

    where customer_id is not null

    group by 1

)

select
    customers.*,
    coalesce(lifetime.count_lifetime_orders, 0) as count_lifetime_orders,
    lifetime.first_ordered_at,
    lifetime.last_ordered_at,
    coalesce(lifetime.lifetime_spend_pretax, 0) as lifetime_spend_pretax,
    coalesce(lifetime.lifetime_spend, 0) as lifetime_spend,
    case
        when lifetime.count_lifetime_orders > 1 then 'returning'
        else 'new'
    end as customer_type

from {{ ref('stg_customers') }} as customers
left join lifetime on customers.customer_id = lifetime.customer_id
