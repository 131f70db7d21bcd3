-- Most come from a visit of the website, some of them from companies that sign up soon after.
WITH visits AS (
  SELECT started_at::DATE AS on_day, min(session_id) AS first_session, count(*) AS sessions
  FROM web_sessions
  GROUP BY started_at::DATE
),
origins AS (
  SELECT
    account_id,
    first_session + dice('origin', account_id) % sessions AS session_id
  FROM accounts
  INNER JOIN visits
    ON
      on_day
      = greatest(created_on - (1 + skewed('origin_lag', account_id, 45))::INTEGER, first_day())
  WHERE dice('has_lead', account_id) < 680000
),
from_the_web AS (
  SELECT
    session_id * 10 AS draw,
    visitor_id,
    NULL::BIGINT AS account_id,
    channel,
    started_at
  FROM web_sessions
  WHERE user_id IS NULL AND dice('lead', session_id) < 74000
  UNION ALL
  SELECT -account_id, visitor_id, account_id, channel, started_at
  FROM origins
  INNER JOIN web_sessions USING (session_id)
),
asked AS (
  SELECT
    draw,
    visitor_id,
    account_id,
    channel,
    started_at + to_seconds(60 + dice('lead_time', draw) % 900) AS created_at
  FROM from_the_web
  UNION ALL
  SELECT
    number * 10 + 5,
    NULL,
    NULL,
    CASE WHEN dice('lead_source', number) < 620000 THEN 'events' ELSE 'partners' END,
    on_day + to_seconds(28800 + dice('lead_met', number) % 32400)
  FROM spread(scaled(1300))
)
SELECT
  row_number() OVER (ORDER BY created_at, draw)::BIGINT AS lead_id,
  -- The same person now and then writes the address in another way, or leaves it out.
  CASE
    WHEN dice('lead_email', draw) < 9000 THEN NULL
    WHEN dice('lead_email', draw) < 60000
      THEN 'Person.' || coalesce(visitor_id, 1000000000 + draw) || '@Example.com'
    ELSE 'person.' || coalesce(visitor_id, 1000000000 + draw) || '@example.com'
  END::VARCHAR AS email,
  visitor_id::BIGINT AS visitor_id,
  account_id::BIGINT AS account_id,
  channel::VARCHAR AS channel,
  CASE WHEN dice('lead_score', draw) < 80000 THEN NULL ELSE dice('lead_score', draw) % 101 END
    ::INTEGER AS score,
  created_at::TIMESTAMP AS created_at,
  loaded('lead_late', draw, created_at)::TIMESTAMP AS loaded_at
FROM asked
ORDER BY lead_id
