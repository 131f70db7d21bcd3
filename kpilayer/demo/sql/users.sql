WITH lives AS (
  SELECT
    account_id,
    bool_or(ended_on IS NULL) AS is_running,
    max(ended_on) AS ended_on
  FROM subscriptions
  INNER JOIN plans USING (plan_id)
  WHERE fee_type = 'recurring'
  GROUP BY account_id
),
sized AS (
  SELECT
    account_id,
    created_on,
    CASE
      WHEN lives.account_id IS NULL THEN created_on + 45 -- a trial that nobody bought
      WHEN is_running THEN last_day_of_data()
      ELSE ended_on
    END AS until,
    CASE
      WHEN lives.account_id IS NULL THEN 1 + dice('team', account_id) % 2
      WHEN segment = 'smb' THEN 1 + dice('team', account_id) % 5
      WHEN segment = 'mid_market' THEN 3 + dice('team', account_id) % 12
      ELSE 10 + dice('team', account_id) % 31
    END AS people
  FROM accounts
  LEFT JOIN lives USING (account_id)
),
joined AS (
  SELECT
    account_id,
    until,
    account_id * 1000 + person AS seat,
    person,
    created_on + CASE
      WHEN person = 0 THEN 0
      ELSE dice('joins', account_id * 1000 + person) % (20 + person * 25)
    END::INTEGER AS joined_on
  FROM sized
  CROSS JOIN range(0, 41) AS team(person)
  WHERE person < people
),
timed AS (
  SELECT
    *,
    joined_on + to_seconds(27000 + dice('hour', seat) % 41400) AS signed_up_at
  FROM joined
  WHERE joined_on <= least(until, last_day_of_data())
)
SELECT
  row_number() OVER (ORDER BY signed_up_at, seat)::BIGINT AS user_id,
  account_id::BIGINT AS account_id,
  signed_up_at::TIMESTAMP AS signed_up_at,
  CASE
    WHEN person = 0 THEN 'admin'
    WHEN dice('role', seat) < 550000 THEN 'editor'
    ELSE 'viewer'
  END::VARCHAR AS role
FROM timed
ORDER BY user_id
