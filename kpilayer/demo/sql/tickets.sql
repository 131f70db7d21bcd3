-- Tickets come out of use. Replies are counted in business minutes: Monday to Friday, 8 to 18 h.
WITH asked AS (
  SELECT
    event_id,
    events.user_id,
    users.account_id,
    happened_at + to_seconds(60 + dice('asks_at', event_id) % 2400) AS opened_at,
    dice('asks', event_id) AS draw
  FROM product_events AS events
  LEFT JOIN users USING (user_id)
  WHERE dice('ticket', event_id) < 52000
),
ranked AS (
  SELECT
    *,
    CASE
      WHEN draw < 40000 THEN 'urgent'
      WHEN draw < 220000 THEN 'high'
      WHEN draw < 760000 THEN 'normal'
      ELSE 'low'
    END AS priority,
    draw % 1000 < 62 AS is_escalated
  FROM asked
  WHERE opened_at < end_of_data()
),
replied AS (
  SELECT
    *,
    business_minutes(opened_at) AS opened_minute,
    3
      + skewed('replies', event_id, 620)
        * CASE priority
          WHEN 'urgent' THEN 15
          WHEN 'high' THEN 45
          WHEN 'normal' THEN 100
          ELSE 150
        END
        * (1600 - (opened_at::DATE - first_day()))
        // 100000 AS reply_minutes
  FROM ranked
),
worked AS (
  SELECT
    *,
    business_time(opened_minute + reply_minutes) AS replies_at,
    business_time(
      opened_minute
      + reply_minutes
      + 10
      + skewed('solved', event_id, 2800)
        * CASE priority WHEN 'urgent' THEN 30 WHEN 'high' THEN 60 ELSE 100 END
        * CASE WHEN is_escalated THEN 2 ELSE 1 END
        // 100
    ) AS solves_at
  FROM replied
),
ended AS (
  SELECT
    *,
    CASE WHEN replies_at < end_of_data() AND draw % 1000 >= 4 THEN replies_at END AS replied_at,
    CASE WHEN solves_at < end_of_data() AND draw % 1000 >= 15 THEN solves_at END AS solved_at
  FROM worked
),
staffed AS (
  SELECT ended.*, month_on, dice('assignee', event_id) % people AS nth
  FROM ended
  LEFT JOIN staff_sizes('headcount_snapshots', 'support')
    ON month_on = date_trunc('month', opened_at)::DATE
),
reopened AS (
  SELECT
    *,
    CASE
      WHEN dice('reopens', event_id) < 65000
        THEN solved_at + to_minutes(30 + skewed('reopens_at', event_id, 20000))
    END AS reopens_at
  FROM staffed
)
SELECT
  row_number() OVER (ORDER BY opened_at, event_id)::BIGINT AS ticket_id,
  account_id::BIGINT AS account_id,
  user_id::BIGINT AS user_id,
  employee_id::BIGINT AS employee_id,
  ['how_to', 'bug', 'billing', 'access', 'data'][1 + dice('topic', event_id) % 5]::VARCHAR AS topic,
  ['email', 'chat', 'portal', 'phone'][1 + dice('via', event_id) % 4]::VARCHAR AS via,
  priority::VARCHAR AS priority,
  opened_at::TIMESTAMP AS opened_at,
  replied_at::TIMESTAMP AS first_replied_at,
  CASE WHEN replied_at IS NOT NULL THEN reply_minutes END::INTEGER AS first_reply_minutes,
  CASE WHEN is_escalated AND replied_at IS NOT NULL THEN replied_at + to_minutes(40) END::TIMESTAMP
    AS escalated_at,
  solved_at::TIMESTAMP AS resolved_at,
  CASE WHEN reopens_at < end_of_data() THEN reopens_at END::TIMESTAMP AS reopened_at,
  (
    opened_at
    + to_hours(
      CASE priority WHEN 'urgent' THEN 8 WHEN 'high' THEN 24 WHEN 'normal' THEN 72 ELSE 120 END
    )
  )::TIMESTAMP AS sla_due_at,
  loaded('ticket_late', event_id, opened_at)::TIMESTAMP AS loaded_at
FROM reopened
LEFT JOIN staff('headcount_snapshots', 'support') USING (month_on, nth)
ORDER BY ticket_id
