{{
  config(
    materialized='incremental',
    incremental_strategy='insert_overwrite',
    partition_by={'field': 'usage_date', 'data_type': 'date'}
  )
}}

select
  date(happened_at) as usage_date,
  count(distinct user_id) as active_users,
  countif(name = 'report_created') as reports_built,
  safe_divide(count(event_id), count(distinct user_id)) as events_per_user,
  logical_or(name = 'export') as any_export
from {{ source('product', 'product_events') }}
{% if is_incremental() %}
where date(happened_at) >= date_sub(current_date(), interval 3 day)
{% endif %}
group by usage_date
