select user_id, account_id, channel, country, cast(signed_up_at as timestamp) as signed_up_at
from {{ ref('raw_signups') }}
