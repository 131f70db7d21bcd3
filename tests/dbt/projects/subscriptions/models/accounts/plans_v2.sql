-- v2: the price is per year
select plan_id, plan_name, tier, monthly_price * 12 as yearly_price from {{ ref('raw_plans') }}
