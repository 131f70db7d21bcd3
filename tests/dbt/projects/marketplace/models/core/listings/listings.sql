-- One row per listing, without those of the test seller.
select
    listing_id,
    seller_id,
    category,
    cast(listed_on as date) as listed_on
from {{ ref('stg_listings') }}
