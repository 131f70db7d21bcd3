-- depends_on: {{ ref('raw_products') }}

select
    sku as product_id,
    name as product_name,
    type as product_type,
    description as product_description,
    {{ cents_to_dollars('price') }} as product_price,
    coalesce(type = 'sandwich', false) as is_food_item,
    coalesce(type = 'drink', false) as is_drink_item

from {{ source('ecom', 'raw_products') }}
