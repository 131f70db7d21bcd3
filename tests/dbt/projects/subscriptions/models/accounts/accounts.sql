select
    account_id,
    account_name,
    industry,
    cast(seats as int) as seats,
    rep_id,
    cast(created_at as timestamp) as created_at
from {{ ref('raw_accounts') }}
