-- Every Sunday, how each customer fares. It gets worse in the weeks before a churn, mostly.
WITH customers AS (
  SELECT
    account_id,
    min(moved_on) AS started_on,
    max(moved_on) FILTER (WHERE type = 'churn') AS churned_on
  FROM mrr_movements
  GROUP BY account_id
),
weeks AS (
  SELECT
    *,
    unnest(
      range(
        (started_on - first_day()) // 7,
        (coalesce(churned_on, last_day_of_data()) - first_day()) // 7
      )
    ) AS week
  FROM customers
),
drawn AS (
  SELECT
    account_id,
    first_day() + (6 + 7 * week)::INTEGER AS snapshot_on,
    churned_on,
    dice('temper', account_id) AS temper,
    dice('week', account_id * 1000 + week) AS luck,
    dice('crisis', account_id * 100 + week // 13) AS crisis
  FROM weeks
),
scored AS (
  SELECT
    *,
    55
      + temper % 36
      + luck % 13
      - 6
      - CASE
        WHEN temper >= 180000 AND churned_on - snapshot_on < 84
          THEN 14 + (84 - (churned_on - snapshot_on)) // 3
        WHEN crisis < 45000 THEN 12 + crisis % 25
        ELSE 0
      END AS score
  FROM drawn
)
SELECT
  row_number() OVER (ORDER BY snapshot_on, account_id)::BIGINT AS snapshot_id,
  snapshot_on::DATE AS snapshot_on,
  account_id::BIGINT AS account_id,
  greatest(0, least(100, score))::INTEGER AS score,
  CASE WHEN luck % 100 >= 3 THEN greatest(0, least(100, score + luck % 21 - 10)) END::INTEGER
    AS usage_score
FROM scored
ORDER BY snapshot_id
