with spend as (
    select date_trunc('quarter', spent_on) as quarter, channel, sum(amount) as spend
    from marketing.marketing_spend
    where channel in ('search', 'social')
    group by all
),
credited as (
    select date_trunc('quarter', credited_on) as quarter, channel, sum(revenue) as revenue
    from marketing.attribution
    where channel in ('search', 'social')
    group by all
),
touched as (
    select date_trunc('quarter', touched_on) as quarter, channel, sum(revenue) as revenue
    from marketing.attribution
    group by all
)
select
    s.quarter,
    s.channel,
    c.revenue / nullif(s.spend, 0) as roas,
    t.revenue / nullif(s.spend, 0) as roas_by_touch_date
from spend s
left join credited c on c.quarter = s.quarter and c.channel = s.channel
left join touched t on t.quarter = s.quarter and t.channel = s.channel
order by 1, 2
