-- depends_on: {{ ref('raw_supplies') }}

select
    -- a supply is used by several products, at the same cost
    md5(id || '-' || sku) as supply_uuid,
    id as supply_id,
    sku as product_id,
    name as supply_name,
    {{ cents_to_dollars('cost') }} as supply_cost,
    perishable as is_perishable_supply

from {{ source('ecom', 'raw_supplies') }}
