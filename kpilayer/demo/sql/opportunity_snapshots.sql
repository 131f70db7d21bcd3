-- Every Sunday evening, each opportunity that is open then.
WITH weeks AS (
  SELECT
    opportunity_id,
    account_id,
    employee_id,
    type,
    amount,
    expected_close_on,
    created_at::DATE - first_day() AS from_day,
    coalesce(closed_at::DATE, last_day_of_data()) - first_day() AS to_day,
    closed_at
  FROM opportunities
),
taken AS (
  SELECT
    *,
    unnest(range(from_day // 7, to_day // 7)) AS week
  FROM weeks
),
aged AS (
  SELECT
    *,
    first_day() + (6 + 7 * week)::INTEGER AS snapshot_on,
    100 * (6 + 7 * week - from_day)
      // greatest(CASE WHEN closed_at IS NULL THEN 90 ELSE to_day - from_day END, 1) AS progress
  FROM taken
)
SELECT
  row_number() OVER (ORDER BY snapshot_on, opportunity_id)::BIGINT AS snapshot_id,
  snapshot_on::DATE AS snapshot_on,
  opportunity_id::BIGINT AS opportunity_id,
  account_id::BIGINT AS account_id,
  employee_id::BIGINT AS employee_id,
  type::VARCHAR AS type,
  CASE
    WHEN progress < 25 THEN 'discovery'
    WHEN progress < 50 THEN 'demo'
    WHEN progress < 80 THEN 'proposal'
    ELSE 'negotiation'
  END::VARCHAR AS stage,
  -- Until the proposal the amount is a guess.
  (
    CASE
      WHEN progress < 50 THEN amount * (70 + dice('guess', opportunity_id) % 71) * 0.01
      ELSE amount
    END
  )::DECIMAL(14, 2) AS amount,
  (
    expected_close_on
    - CASE WHEN progress < 50 THEN dice('hope', opportunity_id) % 45 ELSE 0 END::INTEGER
  )::DATE AS expected_close_on
FROM aged
ORDER BY snapshot_id
