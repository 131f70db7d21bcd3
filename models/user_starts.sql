SELECT
  people.user_id,
  people.signed_up_at,
  MIN(CASE WHEN deeds.name = 'report_created' THEN deeds.happened_at END) AS first_report_at
FROM {{ ref('users') }} AS people
LEFT JOIN {{ ref('product_events') }} AS deeds ON deeds.user_id = people.user_id
GROUP BY people.user_id, people.signed_up_at
