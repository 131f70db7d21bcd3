-- Type 2: a row per account and period in which segment and plan stayed the same.
select
    account_id,
    segment,
    plan_id,
    cast(valid_from as date) as valid_from,
    cast(nullif(valid_to, '') as date) as valid_to
from {{ ref('raw_account_history') }}
