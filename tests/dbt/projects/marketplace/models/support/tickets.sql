select ticket_id, buyer_id, seller_id, cast(opened_at as timestamp) as opened_at, cast(hours_to_close as double) as hours_to_close, topic
from {{ ref('raw_tickets') }}
