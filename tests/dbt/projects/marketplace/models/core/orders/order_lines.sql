select
    order_line_id,
    order_id,
    cast(line_no as int) as line_no,
    listing_id,
    buyer_id,
    cast(ordered_at as date) as "Order Date",
    cast(quantity as int) as quantity,
    cast(price as decimal(12, 2)) as price,
    "group"
from {{ ref('marketplace', 'stg_order_lines') }}
