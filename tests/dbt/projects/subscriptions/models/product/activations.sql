select user_id, country as activated_in, cast(activated_at as timestamp) as activated_at
from {{ ref('raw_activations') }}
