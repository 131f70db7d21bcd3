WITH lives AS (
  SELECT account_id, max(moved_on) FILTER (WHERE type = 'churn') AS churned_on
  FROM mrr_movements
  GROUP BY account_id
),
quarters AS (
  SELECT month_end, (month_end - INTERVAL 16 DAY)::DATE AS on_day
  FROM month_ends()
  WHERE month(month_end) % 3 = 2
),
sent AS (
  SELECT
    1 AS rank,
    user_id * 100 + datediff('month', first_day(), on_day) AS draw,
    'nps' AS type,
    account_id,
    user_id,
    NULL AS ticket_id,
    NULL AS employee_id,
    on_day + to_seconds(32400 + dice('survey_time', user_id) % 18000) AS sent_at
  FROM users
  INNER JOIN lives USING (account_id)
  INNER JOIN quarters
    ON signed_up_at::DATE < on_day - 14 AND (churned_on IS NULL OR churned_on > on_day)
  WHERE dice('nps', user_id * 100 + datediff('month', first_day(), on_day)) < 220000
  UNION ALL
  SELECT
    2, ticket_id, 'csat', account_id, user_id, ticket_id, NULL,
    resolved_at + to_minutes(60 + dice('survey_time', ticket_id) % 1400)
  FROM tickets
  WHERE resolved_at IS NOT NULL AND dice('csat', ticket_id) < 700000
  UNION ALL
  SELECT
    3, snapshot_id, 'engagement', NULL, NULL, NULL, employee_id,
    date_trunc('month', snapshot_on) + to_hours(202) -- the morning of the ninth
  FROM headcount_snapshots
  WHERE month(snapshot_on) % 3 = 0 AND hired_on < date_trunc('month', snapshot_on)
)
SELECT
  row_number() OVER (ORDER BY sent_at, rank, draw)::BIGINT AS survey_id,
  type::VARCHAR AS type,
  account_id::BIGINT AS account_id,
  user_id::BIGINT AS user_id,
  ticket_id::BIGINT AS ticket_id,
  employee_id::BIGINT AS employee_id,
  sent_at::TIMESTAMP AS sent_at
FROM sent
WHERE sent_at < end_of_data()
ORDER BY survey_id
