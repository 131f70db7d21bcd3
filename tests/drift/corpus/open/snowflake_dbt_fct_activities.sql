{{ config(
    materialized='incremental',
    unique_key=['activity_week', 'employee_id'],
    incremental_strategy='merge'
) }}

with activities as (

    select * from {{ ref('activities') }}
    {% if is_incremental() %}
    where loaded_at > (select dateadd('day', -3, max(last_loaded_at)) from {{ this }})
    {% endif %}

),

flagged as (

    select
        employee_id,
        date_trunc('week', happened_at)::date as activity_week,
        loaded_at,
        type in ('meeting', 'demo') as is_meeting,
        type = 'demo' as is_demo,
        status = 'held' as is_held,
        status = 'no_show' as is_no_show
    from activities

)

select
    activity_week,
    employee_id,
    count_if(is_meeting and is_held) as meetings,
    count_if(is_demo and is_held) as demos,
    div0null(count_if(is_no_show), count(*)) as no_show_rate,
    max(loaded_at) as last_loaded_at
from flagged
group by 1, 2
