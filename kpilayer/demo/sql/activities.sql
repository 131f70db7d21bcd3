WITH with_customers AS (
  SELECT
    opportunity_id,
    account_id,
    lead_id,
    created_at::DATE AS from_day,
    coalesce(closed_at::DATE, last_day_of_data()) AS to_day,
    unnest(range(3 + dice('touches', opportunity_id) % 6)) AS nth
  FROM opportunities
),
demos AS (
  SELECT
    lead_id,
    account_id,
    created_at,
    created_at::DATE + (2 + skewed('demo_lag', lead_id, 48))::INTEGER AS on_day
  FROM leads
  INNER JOIN lead_stages USING (lead_id)
  WHERE stage = 'sql' AND dice('demo', lead_id) < 780000
),
planned AS (
  SELECT
    opportunity_id * 100 + nth AS draw,
    CASE
      WHEN dice('kind', opportunity_id * 100 + nth) < 320000 THEN 'call'
      WHEN dice('kind', opportunity_id * 100 + nth) < 640000 THEN 'email'
      ELSE 'meeting'
    END AS type,
    opportunity_id,
    account_id,
    lead_id,
    from_day + (dice('touched', opportunity_id * 100 + nth) % (1 + to_day - from_day))::INTEGER
      AS on_day
  FROM with_customers
  UNION ALL
  SELECT -lead_id, 'demo', NULL, account_id, lead_id, on_day
  FROM demos
),
-- Nobody is met on a weekend.
moved AS (
  SELECT
    * EXCLUDE (on_day),
    on_day - greatest(isodow(on_day) - 5, 0)::INTEGER AS on_day
  FROM planned
),
timed AS (
  SELECT
    *,
    on_day + to_seconds(28800 + dice('met_at', draw) % 34200) AS happens_at
  FROM moved
  WHERE on_day <= last_day_of_data() AND on_day >= first_day()
),
staffed AS (
  SELECT timed.*, month_on, dice('met_by', coalesce(opportunity_id, -lead_id)) % people AS nth
  FROM timed
  LEFT JOIN staff_sizes('headcount_snapshots', 'sales')
    ON month_on = date_trunc('month', on_day)::DATE
)
SELECT
  row_number() OVER (ORDER BY happens_at, draw)::BIGINT AS activity_id,
  type::VARCHAR AS type,
  CASE
    WHEN type NOT IN ('meeting', 'demo') OR dice('shows_up', draw) < 840000 THEN 'held'
    WHEN dice('shows_up', draw) < 920000 THEN 'no_show'
    ELSE 'cancelled'
  END::VARCHAR AS status,
  lead_id::BIGINT AS lead_id,
  opportunity_id::BIGINT AS opportunity_id,
  account_id::BIGINT AS account_id,
  employee_id::BIGINT AS employee_id,
  happens_at::TIMESTAMP AS happened_at,
  loaded('activity_late', draw, happens_at)::TIMESTAMP AS loaded_at
FROM staffed
LEFT JOIN staff('headcount_snapshots', 'sales') USING (month_on, nth)
ORDER BY activity_id
