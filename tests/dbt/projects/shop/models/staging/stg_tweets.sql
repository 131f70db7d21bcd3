-- depends_on: {{ ref('raw_tweets') }}

select
    id as tweet_id,
    user_id as customer_id,
    cast(tweeted_at as timestamp) as tweeted_at,
    content

from {{ source('social', 'tweets') }}
