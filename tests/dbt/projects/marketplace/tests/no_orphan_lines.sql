{{ config(severity='warn') }}
select * from {{ ref('order_lines') }} where listing_id is null
