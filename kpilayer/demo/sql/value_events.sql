-- The moments in which the product pays off for a user; for many soon after the sign-up.
WITH drawn AS (
  SELECT
    user_id,
    signed_up_at,
    unnest(range(1 + dice('values', user_id) % 4)) AS nth
  FROM users
  WHERE dice('value', user_id) < 690000
),
timed AS (
  SELECT
    user_id * 10 + nth AS draw,
    user_id,
    signed_up_at
      + to_seconds(
        75
        + CASE
          WHEN dice('value', user_id) < 480000 THEN skewed('value_soon', user_id, 900)
          ELSE skewed('value_late', user_id, 1300000)
        END
      )
      + to_minutes(nth * (600 + dice('value_next', user_id * 10 + nth) % 9000)) AS happened_at
  FROM drawn
)
SELECT
  row_number() OVER (ORDER BY happened_at, draw)::BIGINT AS value_event_id,
  user_id::BIGINT AS user_id,
  ['report_shared', 'alert_set', 'dashboard_published'][1 + dice('value_kind', draw) % 3]::VARCHAR
    AS name,
  happened_at::TIMESTAMP AS happened_at
FROM timed
WHERE happened_at < end_of_data()
ORDER BY value_event_id
