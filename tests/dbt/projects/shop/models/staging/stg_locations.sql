-- depends_on: {{ ref('raw_stores') }}

select
    id as location_id,
    name as location_name,
    cast(tax_rate as double) as tax_rate,
    cast(opened_at as timestamp) as opened_date

from {{ source('ecom', 'raw_stores') }}
