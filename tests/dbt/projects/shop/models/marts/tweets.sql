select * from {{ ref('stg_tweets') }}
