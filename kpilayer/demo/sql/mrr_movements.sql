-- One roll per customer and month decides its course: churn, more, less, an add-on, or nothing.
WITH customers AS (
  SELECT
    account_id,
    segment,
    created_on
      + (dice('decision', account_id) % CASE segment WHEN 'enterprise' THEN 91 ELSE 31 END)::INTEGER
      AS started_on,
    CASE segment
      WHEN 'smb' THEN 49 + dice('price', account_id) % 251
      WHEN 'mid_market' THEN 400 + dice('price', account_id) % 1501
      ELSE 2500 + dice('price', account_id) % 5501
    END AS start_price,
    CASE segment WHEN 'smb' THEN 24000 WHEN 'mid_market' THEN 13000 ELSE 7000 END AS churn_below
  FROM accounts
  WHERE dice('buys', account_id) < 860000
),
started AS (
  SELECT
    *,
    CASE
      WHEN segment = 'enterprise' THEN 4
      WHEN start_price >= 900 THEN 3
      WHEN start_price >= 150 THEN 2
      ELSE 1
    END AS plan_id
  FROM customers
  WHERE started_on <= last_day_of_data()
),
rolled AS (
  SELECT
    account_id,
    plan_id,
    start_price,
    turn,
    (started_on + to_months(turn::INTEGER))::DATE AS moved_on,
    dice('course', account_id * 100 + turn) - churn_below AS roll,
    dice('size', account_id * 100 + turn) AS size_dice
  FROM started
  CROSS JOIN range(1, 30) AS turns(turn)
),
ends AS (
  SELECT account_id, min(moved_on) AS churned_on
  FROM rolled
  WHERE roll < 0 AND moved_on <= last_day_of_data()
  GROUP BY account_id
),
living AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY account_id, roll BETWEEN 45000 AND 64999 ORDER BY turn) AS nth
  FROM rolled
  LEFT JOIN ends USING (account_id)
  WHERE moved_on <= last_day_of_data() AND (churned_on IS NULL OR moved_on < churned_on)
),
before_churn AS (
  SELECT account_id, plan_id, started_on AS moved_on, 'new' AS type, start_price AS delta
  FROM started
  UNION ALL
  SELECT account_id, plan_id, moved_on, 'expansion', start_price * (10 + size_dice % 26) // 100
  FROM living
  WHERE roll BETWEEN 0 AND 32999
  UNION ALL
  SELECT account_id, plan_id, moved_on, 'contraction', -(start_price * (5 + size_dice % 6) // 100)
  FROM living
  WHERE roll BETWEEN 33000 AND 44999
  UNION ALL
  SELECT account_id, 5, moved_on, 'expansion', start_price * 20 // 100
  FROM living
  WHERE roll BETWEEN 45000 AND 64999 AND nth = 1
),
moved AS (
  SELECT account_id, plan_id, moved_on, type, delta
  FROM before_churn
  UNION ALL
  SELECT account_id, before_churn.plan_id, churned_on, 'churn', -sum(delta)
  FROM before_churn
  INNER JOIN ends USING (account_id)
  GROUP BY account_id, before_churn.plan_id, churned_on
)
SELECT
  row_number() OVER (ORDER BY moved_on, account_id, plan_id, type)::BIGINT AS movement_id,
  account_id::BIGINT AS account_id,
  plan_id::INTEGER AS plan_id,
  moved_on::DATE AS moved_on,
  type::VARCHAR AS type,
  delta::DECIMAL(14, 2) AS delta
FROM moved
ORDER BY movement_id
