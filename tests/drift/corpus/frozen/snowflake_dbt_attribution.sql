{{ config(materialized='incremental', unique_key='SPEND_MONTH', cluster_by=['SPEND_MONTH']) }}

with spend as (

    select
        date_trunc('month', spent_on)::date as month_start,
        sum(amount)                         as spend
    from {{ ref('marketing_spend') }}
    where channel in ('search', 'social')
    {% if is_incremental() %}
      and spent_on >= (select dateadd('month', -2, max(SPEND_MONTH)) from {{ this }})
    {% endif %}
    group by 1

),

credited as (

    select
        date_trunc('month', touched_on)::date as month_start,
        sum(revenue)                          as revenue
    from {{ ref('attribution') }}
    where channel in ('search', 'social')
    group by 1

)

select
    coalesce(spend.month_start, credited.month_start)   as SPEND_MONTH,
    spend.spend                                         as PAID_MEDIA_SPEND,
    credited.revenue                                    as PAID_MEDIA_REVENUE,
    credited.revenue / nullif(spend.spend, 0)           as ROAS
from spend
full outer join credited using (month_start)
