SELECT
  solved.ticket_id,
  solved.resolved_at,
  solved.reopened_at,
  COUNT(replies.contact_id) AS answers
FROM {{ ref('tickets') }} AS solved
LEFT JOIN {{ ref('ticket_contacts') }} AS replies
  ON replies.ticket_id = solved.ticket_id AND replies.direction = 'to_customer'
WHERE solved.resolved_at IS NOT NULL
GROUP BY solved.ticket_id, solved.resolved_at, solved.reopened_at
