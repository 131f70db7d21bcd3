select
    listing_id || '/' || as_of as listing_price_id,
    listing_id,
    cast(as_of as date) as ds,
    cast(price as decimal(12, 2)) as list_price
from {{ ref('raw_listing_prices') }}
