{{ config(materialized='table', partition_by={'field': 'month', 'data_type': 'date', 'granularity': 'month'}) }}

with months as (
  select month
  from unnest(generate_date_array('2024-01-01', '2026-06-01', interval 1 month)) as month
),

new_leads as (
  select
    date_trunc(date(created_at), month) as month,
    count(distinct lower(email)) as leads,
    count(*) as lead_rows
  from {{ ref('leads') }}
  group by 1
),

mqls as (
  select date_trunc(date(entered_at), month) as month, count(*) as mqls
  from {{ ref('lead_stages') }}
  where stage = 'mql'
  group by 1
),

spend as (
  select date_trunc(spent_on, month) as month, sum(amount) as spend
  from {{ ref('marketing_spend') }}
  group by 1
)

select
  months.month,
  ifnull(new_leads.leads, 0) as leads,
  ifnull(mqls.mqls, 0) as mqls,
  safe_divide(spend.spend, new_leads.lead_rows) as cost_per_lead
from months
left join new_leads using (month)
left join mqls using (month)
left join spend using (month)
