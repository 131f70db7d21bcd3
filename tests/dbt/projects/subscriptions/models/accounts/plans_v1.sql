select plan_id, plan_name, monthly_price from {{ ref('raw_plans') }}
