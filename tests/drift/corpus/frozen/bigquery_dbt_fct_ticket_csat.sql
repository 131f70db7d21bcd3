{{
  config(
    materialized='incremental',
    unique_key=['month', 'topic'],
    partition_by={'field': 'month', 'data_type': 'date'}
  )
}}

with answers as (
  select
    answer_id,
    survey_id,
    score,
    date_trunc(date(answered_at), month) as month
  from {{ ref('survey_answers') }}
  where type = 'csat'
  {% if is_incremental() %}
    and loaded_at > (select timestamp_sub(max(loaded_at), interval 3 day) from {{ this }})
  {% endif %}
)

select
  answers.month,
  tickets.topic,
  count(distinct answers.answer_id) as answers,
  countif(answers.score >= 4) / count(*) as csat,
  count(contacts.contact_id) as messages
from answers
left join {{ ref('surveys') }} as surveys
  on surveys.survey_id = answers.survey_id
left join {{ ref('tickets') }} as tickets
  on tickets.ticket_id = surveys.ticket_id
left join {{ ref('ticket_contacts') }} as contacts
  on contacts.ticket_id = tickets.ticket_id
group by 1, 2
