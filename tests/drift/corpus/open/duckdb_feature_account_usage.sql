{{ config(materialized='table', tags=['features', 'churn_model']) }}

with usage as (
    select
        u.account_id,
        e.happened_at,
        e.name,
        date_diff('day', e.happened_at, timestamp '2026-06-30 00:00:00') as age
    from {{ ref('product_events') }} e
    inner join {{ ref('users') }} u using (user_id)
)

select
    account_id,
    count_if(age < 7) / nullif(count_if(age < 28), 0) as recency_ratio,
    max(happened_at) as last_seen_at,
    min(age) as days_silent,
    count(distinct name) as kinds_used,
    approx_quantile(age, 0.5) as median_age,
    mode(name) as favourite
from usage
group by account_id
having max(age) > 28
