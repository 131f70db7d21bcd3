select seller_id, seller_name, region, cast(joined_on as date) as joined_on
from {{ ref('raw_sellers') }}
