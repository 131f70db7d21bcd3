select request_id, user_id, account_id, endpoint, status_code, duration_ms, cast(requested_at as timestamp) as requested_at
from {{ ref('raw_api_requests') }}
