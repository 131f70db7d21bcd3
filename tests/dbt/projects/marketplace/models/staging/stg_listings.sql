{{ config(materialized='ephemeral') }}

select * from {{ ref('raw_listings') }} where {{ real_seller() }}
