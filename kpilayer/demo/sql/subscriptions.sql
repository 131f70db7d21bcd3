WITH recurring AS (
  SELECT
    account_id,
    plan_id,
    min(moved_on) AS started_on,
    max(moved_on) FILTER (WHERE type = 'churn') AS ended_on,
    sum(delta) FILTER (WHERE type <> 'churn') AS mrr
  FROM mrr_movements
  GROUP BY account_id, plan_id
),
one_time AS (
  SELECT
    account_id,
    6 AS plan_id,
    moved_on AS started_on,
    moved_on + 30 AS ended_on,
    CASE segment WHEN 'smb' THEN 300 WHEN 'mid_market' THEN 1500 ELSE 8000 END AS mrr
  FROM mrr_movements
  INNER JOIN accounts USING (account_id)
  WHERE
    type = 'new'
    AND dice('onboarding', account_id) < CASE segment WHEN 'smb' THEN 100000 ELSE 550000 END
  UNION ALL
  SELECT account_id, 7, moved_on, moved_on + 1, 900
  FROM mrr_movements
  WHERE type = 'expansion' AND dice('training', movement_id) < 150000
),
sold AS (
  SELECT * FROM recurring
  UNION ALL
  SELECT
    account_id,
    plan_id,
    started_on,
    CASE WHEN ended_on <= last_day_of_data() THEN ended_on END,
    mrr
  FROM one_time
)
SELECT
  row_number() OVER (ORDER BY started_on, account_id, plan_id)::BIGINT AS subscription_id,
  account_id::BIGINT AS account_id,
  plan_id::INTEGER AS plan_id,
  started_on::DATE AS started_on,
  ended_on::DATE AS ended_on,
  mrr::DECIMAL(14, 2) AS mrr
FROM sold
ORDER BY subscription_id
