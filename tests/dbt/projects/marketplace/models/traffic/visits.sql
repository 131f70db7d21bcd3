{{ config(materialized='incremental', unique_key='visit_id', on_schema_change='fail') }}

select
    visit_id,
    visitor_id,
    listing_id,
    cast(visited_at as timestamp) as visited_at,
    cast(visited_at as date) as ds,
    device
from {{ ref('raw_visits') }}
{% if is_incremental() %}
where visited_at > (select max(visited_at) from {{ this }})
{% endif %}
