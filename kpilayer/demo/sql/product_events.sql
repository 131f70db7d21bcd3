-- Use is rolled per user and stretch of 30 days since the sign-up.
WITH lives AS (
  SELECT
    account_id,
    created_on,
    CASE
      WHEN count(plans.plan_id) = 0 THEN least(created_on + 45, last_day_of_data())
      WHEN bool_or(ended_on IS NULL) FILTER (WHERE plans.plan_id IS NOT NULL)
        THEN last_day_of_data()
      ELSE max(ended_on) FILTER (WHERE plans.plan_id IS NOT NULL)
    END AS until
  FROM accounts
  LEFT JOIN subscriptions USING (account_id)
  LEFT JOIN plans ON plans.plan_id = subscriptions.plan_id AND fee_type = 'recurring'
  GROUP BY account_id, created_on
),
stretches AS (
  SELECT
    user_id,
    role,
    signed_up_at,
    until,
    stretch,
    dice('habit', user_id) AS habit,
    dice('stretch', user_id * 100 + stretch) AS luck
  FROM users
  INNER JOIN lives USING (account_id)
  CROSS JOIN range(0, 31) AS counted(stretch)
  WHERE signed_up_at::DATE + (stretch * 30)::INTEGER <= until
),
counted AS (
  SELECT
    *,
    CASE
      WHEN habit < 120000 THEN 0
      WHEN habit < 480000 THEN luck % 3
      WHEN habit < 850000 THEN 1 + luck % 5
      ELSE 6 + luck % 9
    END + CASE WHEN stretch = 0 THEN 1 + luck % 3 ELSE 0 END AS events
  FROM stretches
),
listed AS (
  SELECT
    user_id,
    role,
    signed_up_at,
    until,
    (user_id * 100 + stretch) * 100 + nth AS draw,
    stretch = 0 AND nth = 0 AS is_first,
    stretch = 0 AND nth IN (1, 2) AS is_trying,
    signed_up_at::DATE
      + (
        stretch * 30
        + dice('day', (user_id * 100 + stretch) * 100 + nth)
        % CASE WHEN stretch = 0 AND nth <= 2 THEN 8 ELSE 30 END
      )::INTEGER AS drawn_on
  FROM counted
  CROSS JOIN range(0, 18) AS numbered(nth)
  WHERE nth < events
),
-- Most of what falls on a weekend is done on a working day of the next week.
dated AS (
  SELECT
    * EXCLUDE (drawn_on),
    CASE
      WHEN isodow(drawn_on) >= 6 AND dice('weekend', draw) < 800000
        THEN drawn_on + (8 - isodow(drawn_on) + dice('weekday', draw) % 5)::INTEGER
      ELSE drawn_on
    END AS on_day
  FROM listed
),
timed AS (
  SELECT
    user_id,
    role,
    draw,
    is_trying,
    CASE
      WHEN is_first THEN signed_up_at + to_seconds(30 + dice('hour', draw) % 600)
      ELSE greatest(
        on_day + to_seconds(25200 + dice('hour', draw) % 43200),
        signed_up_at + to_seconds(700 + dice('hour', draw) % 3600)
      )
    END AS happened_at
  FROM dated
  WHERE
    is_first
    OR (
      on_day <= until
      AND dice('season', draw)
      < [98, 98, 100, 97, 97, 95, 84, 78, 98, 100, 98, 72][month(on_day)] * 10000
    )
),
named AS (
  SELECT
    *,
    CASE
      WHEN is_trying AND role <> 'viewer' AND dice('tries', draw) < 450000 THEN 'report_created'
      WHEN dice('event', draw) < 440000 THEN 'login'
      WHEN dice('event', draw) < 720000 THEN 'dashboard_viewed'
      WHEN dice('event', draw) < 870000
        THEN CASE role WHEN 'viewer' THEN 'dashboard_viewed' ELSE 'report_created' END
      WHEN dice('event', draw) < 960000 THEN 'export'
      ELSE CASE role WHEN 'viewer' THEN 'login' ELSE 'invite_sent' END
    END AS name,
    happened_at::DATE
      + CASE WHEN dice('late', draw) < 5000 THEN 1 + dice('late', draw) % 12 ELSE 0 END::INTEGER
      AS arrived_on
  FROM timed
)
SELECT
  row_number() OVER (ORDER BY arrived_on, happened_at, draw)::BIGINT AS event_id,
  CASE
    WHEN dice('who', draw) < 3000 THEN NULL
    WHEN dice('deleted', user_id) < 3000 THEN user_id + 900000000 -- the user was deleted since
    ELSE user_id
  END::BIGINT AS user_id,
  happened_at::TIMESTAMP AS happened_at,
  name::VARCHAR AS name,
  CASE name
    WHEN 'login' THEN 1
    WHEN 'dashboard_viewed' THEN 1 + dice('quantity', draw) % 5
    WHEN 'export' THEN 1 + dice('quantity', draw) % 10
    ELSE 1 + dice('quantity', draw) % 3
  END::INTEGER AS quantity
FROM named
ORDER BY event_id
