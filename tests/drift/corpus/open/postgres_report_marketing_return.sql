with spend as (
    select
        date_trunc('quarter', spent_on)::date as quarter,
        sum(amount) as spend,
        sum(amount) filter (where channel in ('search', 'social')) as ad_spend,
        (sum(amount) filter (where campaign is null)) / nullif(sum(amount), 0) as unassigned_share
    from marketing_spend
    group by 1
),
credit as (
    select
        date_trunc('quarter', credited_on)::date as quarter,
        sum(revenue) as revenue,
        sum(revenue) filter (where channel in ('search', 'social')) as ad_revenue
    from attribution
    where position = 1
    group by 1
)
select
    spend.quarter,
    spend.spend,
    spend.unassigned_share,
    credit.revenue as attributed_revenue,
    credit.ad_revenue / spend.ad_spend as roas
from spend
left join credit on credit.quarter = spend.quarter
order by spend.quarter
