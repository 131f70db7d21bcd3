select * from {{ source('raw', 'store_days') }}
