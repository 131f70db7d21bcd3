WITH started AS (
  SELECT
    lead_id,
    account_id,
    CASE
      WHEN happened_at IS NULL
        THEN entered_at + to_minutes(120 + skewed('trial_lag', lead_id, 30000))
      ELSE happened_at + to_minutes(20 + skewed('trial_lag', lead_id, 38000))
    END AS started_at
  FROM lead_stages
  INNER JOIN leads USING (lead_id)
  LEFT JOIN (
    SELECT lead_id, min(happened_at) AS happened_at
    FROM activities
    WHERE type = 'demo' AND status = 'held'
    GROUP BY lead_id
  ) AS demos USING (lead_id)
  WHERE
    stage = 'sql'
    AND dice('trial', lead_id) < CASE WHEN happened_at IS NULL THEN 180000 ELSE 560000 END
)
SELECT
  row_number() OVER (ORDER BY started_at, lead_id)::BIGINT AS trial_id,
  lead_id::BIGINT AS lead_id,
  account_id::BIGINT AS account_id,
  started_at::TIMESTAMP AS started_at,
  CASE
    WHEN started_at::DATE + 30 <= last_day_of_data() THEN started_at::DATE + 30
  END::DATE AS ended_on
FROM started
WHERE started_at < end_of_data()
ORDER BY trial_id
