select
    {{ house_macros.surrogate_key(['order_id', 'line_no']) }} as order_line_id,
    *
from {{ ref('raw_order_lines') }}
