select * from {{ source('raw', 'continents') }}
