WITH days AS (
  SELECT account_id, moved_on, SUM(delta) AS delta
  FROM {{ ref('mrr_movements') }}
  GROUP BY account_id, moved_on
)
SELECT
  account_id,
  moved_on AS valid_from,
  LEAD(moved_on) OVER (PARTITION BY account_id ORDER BY moved_on) AS valid_to,
  SUM(delta) OVER (PARTITION BY account_id ORDER BY moved_on) AS price
FROM days
