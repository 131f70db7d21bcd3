WITH answered AS (
  SELECT
    ticket_id,
    opened_at,
    first_replied_at,
    coalesce(resolved_at, first_replied_at) AS until,
    CASE
      WHEN dice('contacts', ticket_id) < 610000 THEN 1
      WHEN dice('contacts', ticket_id) < 850000 THEN 2
      ELSE 3 + dice('contacts', ticket_id) % 3
    END AS replies
  FROM tickets
),
listed AS (
  SELECT ticket_id, 0 AS nth, 'from_customer' AS direction, opened_at AS contacted_at
  FROM answered
  UNION ALL
  SELECT
    ticket_id,
    nth,
    'to_customer',
    CASE
      WHEN nth = 1 THEN first_replied_at
      ELSE first_replied_at
        + to_seconds(datediff('second', first_replied_at, until) * (nth - 1) // replies)
    END
  FROM (SELECT *, unnest(range(1, replies + 1)) AS nth FROM answered) AS replied
  WHERE first_replied_at IS NOT NULL
  UNION ALL
  SELECT ticket_id, 9, 'from_customer', reopened_at
  FROM tickets
  WHERE reopened_at IS NOT NULL
)
SELECT
  row_number() OVER (ORDER BY contacted_at, ticket_id, nth)::BIGINT AS contact_id,
  ticket_id::BIGINT AS ticket_id,
  direction::VARCHAR AS direction,
  contacted_at::TIMESTAMP AS contacted_at
FROM listed
ORDER BY contact_id
