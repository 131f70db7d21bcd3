{{ config(materialized='table', tags=['finance', 'nightly']) }}

with lines as (

    select * from {{ source('erp', 'revenue_lines') }}

),

products as (

    select product_id, family, launched_on from {{ ref('products') }}

)

select
    date_trunc('month', lines.recognised_on)::date as revenue_month,
    products.family as product_family,
    sum(lines.amount) as recognised_revenue,
    sum(lines.amount) filter (where lines.type = 'base') as base_revenue,
    -- what we sell today that did not exist two years ago
    sum(case when products.launched_on >= date '2024-07-01' then lines.amount else 0 end)
        / nullif(sum(lines.amount), 0) as innovation_rate,
    sum(lines.discount) / nullif(sum(lines.amount), 0) as discount_rate
from lines
left join products on products.product_id = lines.product_id
group by 1, 2
