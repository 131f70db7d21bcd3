{{ config(materialized='table', tags=['finance', 'daily']) }}

with movements as (
    select
        m.*,
        p.tier
    from {{ ref('mrr_movements') }} m
    left join {{ ref('plans') }} p
        on p.plan_id = m.plan_id
)

select
    date_trunc('month', moved_on) as month,
    tier,
    sum(iff(type in ('churn', 'contraction'), -delta, 0)) as lost_mrr,
    sum(delta) as net_new_mrr,
    div0null(
        sum(iff(type in ('new', 'expansion'), delta, 0)),
        sum(iff(type = 'churn', -delta, 0))
    ) as quick_ratio
from movements
group by month, tier
