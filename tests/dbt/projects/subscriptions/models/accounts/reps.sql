select * from {{ ref('raw_reps') }}
