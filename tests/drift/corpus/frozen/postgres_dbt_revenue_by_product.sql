{{ config(materialized='view') }}

with lines as (
    select * from {{ ref('revenue_lines') }}
),

products as (
    select product_id, name as product, family from {{ ref('products') }}
)

select
    lines.recognised_on,
    products.product,
    products.family,
    sum(lines.amount) as revenue,
    sum(lines.amount) filter (where lines.type in ('upsell', 'cross_sell')) as upsell_revenue,
    avg(lines.discount / nullif(lines.list_amount, 0)) as discount_rate
from lines
left join products on products.product_id = lines.product_id
group by lines.recognised_on, products.product, products.family
