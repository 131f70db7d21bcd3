{{ config(materialized='view') }}
select
  team,
  timestamp_trunc(deployed_at, month) as month,
  countif(environment = 'production' and status != 'failed') as deployments,
  countif(environment = 'production' and status = 'succeeded') as production_deploys,
  countif(status = 'failed') / count(*) as failed_share
from {{ ref('deployments') }}
group by team, month
