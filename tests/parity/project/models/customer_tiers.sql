select * from {{ source('raw', 'customer_tiers') }}
