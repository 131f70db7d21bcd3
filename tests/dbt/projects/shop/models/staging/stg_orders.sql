-- depends_on: {{ ref('raw_orders') }}

with

source as (

    select * from {{ source('ecom', 'raw_orders') }}

)

select

    ---------- ids
    id as order_id,
    store_id as location_id,
    customer as customer_id,

    ---------- numerics
    {{ cents_to_dollars('subtotal') }} as subtotal,
    {{ cents_to_dollars('tax_paid') }} as tax_paid,
    {{ cents_to_dollars('order_total') }} as order_total,

    ---------- timestamps
    cast(ordered_at as timestamp) as ordered_at

from source
