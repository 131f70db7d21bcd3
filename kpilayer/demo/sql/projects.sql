WITH weighted AS (
  SELECT
    on_day,
    CASE WHEN weekday <= 5 THEN 800 + age ELSE 0 END * CASE WHEN age < 5 THEN 12 ELSE 1 END
      AS weight
  FROM calendar()
  WHERE age >= 1
),
cumulated AS (
  SELECT
    on_day,
    weight,
    (sum(weight) OVER (ORDER BY on_day))::BIGINT AS upto,
    (sum(weight) OVER ())::BIGINT AS total
  FROM weighted
),
dealt AS (
  SELECT
    on_day,
    unnest(range(scaled(260) * (upto - weight) // total, scaled(260) * upto // total)) + 1
      AS project_id
  FROM cumulated
),
-- Accounts are numbered in the order of their sign-up, so a project can pick one that exists.
signed_up AS (
  SELECT on_day, (SELECT count(*) FROM accounts WHERE created_on <= on_day) AS accounts_then
  FROM calendar()
)
SELECT
  project_id::BIGINT AS project_id,
  (1 + dice('client', project_id) % greatest(accounts_then, 1))::BIGINT AS account_id,
  (
    ['Rollout', 'Migration', 'Integration', 'Reporting'][1 + dice('topic', project_id) % 4]
    || ' ' || project_id
  )::VARCHAR AS name,
  CASE WHEN dice('contract', project_id) < 400000 THEN 'fixed' ELSE 'time_and_materials' END
    ::VARCHAR AS type,
  on_day::DATE AS started_on
FROM dealt
INNER JOIN signed_up USING (on_day)
ORDER BY project_id
