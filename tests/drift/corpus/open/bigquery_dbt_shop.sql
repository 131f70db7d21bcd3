{{ config(materialized='table', partition_by={'field': 'order_date', 'data_type': 'date'}) }}

select
  date(ordered_at) as order_date,
  count(order_id) as orders,
  sum(amount) as sales,
  safe_divide(countif(returned_on is not null), count(*)) as return_rate,
  sum(if(returned_on is null, amount, 0)) as sales_kept
from {{ source('core', 'orders') }}
group by order_date
