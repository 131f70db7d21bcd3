-- At the end of each month, the price of every subscription that runs then.
WITH running AS (
  SELECT
    subscription_id,
    subscriptions.account_id,
    subscriptions.plan_id,
    subscriptions.mrr,
    fee_type,
    month_end
  FROM subscriptions
  INNER JOIN plans USING (plan_id)
  INNER JOIN month_ends() ON started_on <= month_end AND (ended_on IS NULL OR ended_on > month_end)
),
changed AS (
  SELECT
    account_id,
    plan_id,
    last_day(moved_on) AS month_end,
    sum(sum(delta)) OVER (PARTITION BY account_id, plan_id ORDER BY last_day(moved_on)) AS mrr,
    lead(last_day(moved_on)) OVER (PARTITION BY account_id, plan_id ORDER BY last_day(moved_on))
      AS next_end
  FROM mrr_movements
  GROUP BY account_id, plan_id, last_day(moved_on)
),
priced AS (
  SELECT account_id, plan_id, month_ends.month_end, mrr
  FROM changed
  INNER JOIN month_ends() AS month_ends
    ON
      month_ends.month_end >= changed.month_end
      AND (next_end IS NULL OR month_ends.month_end < next_end)
)
SELECT
  row_number() OVER (ORDER BY running.month_end, subscription_id)::BIGINT AS snapshot_id,
  running.month_end::DATE AS snapshot_on,
  subscription_id::BIGINT AS subscription_id,
  running.account_id::BIGINT AS account_id,
  running.plan_id::INTEGER AS plan_id,
  CASE fee_type WHEN 'recurring' THEN priced.mrr ELSE running.mrr END::DECIMAL(14, 2) AS mrr
FROM running
LEFT JOIN priced
  ON
    priced.account_id = running.account_id
    AND priced.plan_id = running.plan_id
    AND priced.month_end = running.month_end
ORDER BY snapshot_id
