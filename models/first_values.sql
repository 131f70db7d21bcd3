SELECT
  people.user_id,
  people.signed_up_at,
  MIN(moments.happened_at) AS first_value_at
FROM {{ ref('users') }} AS people
LEFT JOIN {{ ref('value_events') }} AS moments ON moments.user_id = people.user_id
GROUP BY people.user_id, people.signed_up_at
