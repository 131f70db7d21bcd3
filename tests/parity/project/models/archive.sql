select * from {{ source('raw', 'archive') }}
