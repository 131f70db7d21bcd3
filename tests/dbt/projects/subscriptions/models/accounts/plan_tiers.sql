select plan_id, tier, yearly_price from {{ ref('plans', v=2) }}
