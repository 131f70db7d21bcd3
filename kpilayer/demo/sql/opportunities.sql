-- What was sold is in `mrr_movements`; small customers buy without a salesperson.
WITH known AS (
  SELECT on_day, count(account_id) AS accounts_then
  FROM calendar()
  LEFT JOIN accounts ON created_on <= on_day
  GROUP BY on_day
),
first_leads AS (
  SELECT account_id, min(lead_id) AS lead_id
  FROM leads
  WHERE account_id IS NOT NULL
  GROUP BY account_id
),
sold AS (
  SELECT
    movement_id * 10 AS draw,
    account_id,
    CASE
      WHEN type = 'new' THEN 'new_business'
      WHEN plan_id = 5 THEN 'cross_sell'
      ELSE 'upsell'
    END AS type,
    moved_on,
    delta * 12 AS amount
  FROM mrr_movements
  INNER JOIN accounts USING (account_id)
  WHERE
    (type = 'new' AND segment <> 'smb')
    OR (type = 'expansion' AND (plan_id = 5 OR dice('sold', movement_id) < 550000))
),
won AS (
  SELECT
    draw,
    account_id,
    type,
    greatest(
      first_day(),
      moved_on
        - (
          CASE type WHEN 'new_business' THEN 21 ELSE 9 END
          + skewed('cycle', draw, CASE type WHEN 'new_business' THEN 130 ELSE 60 END)
        )::INTEGER
    ) AS created_on,
    moved_on AS closes_on,
    amount,
    true AS is_won
  FROM sold
),
pursued AS (
  SELECT
    number * 10 + 1 AS draw,
    CASE
      WHEN dice('prospect', number) < 640000
        THEN 'new_business'
      WHEN dice('prospect', number) < 860000 THEN 'upsell'
      ELSE 'cross_sell'
    END AS type,
    CASE
      WHEN dice('prospect', number) >= 640000 AND accounts_then > 0
        THEN 1 + dice('prospect_account', number) % accounts_then
    END AS account_id,
    on_day AS created_on
  FROM spread(scaled(1900))
  INNER JOIN known USING (on_day)
),
lost AS (
  SELECT
    draw,
    account_id,
    type,
    created_on,
    created_on + (14 + skewed('cycle', draw, 160))::INTEGER AS closes_on,
    (
      CASE type WHEN 'new_business' THEN 4800 WHEN 'upsell' THEN 1200 ELSE 900 END
      + skewed('lost_amount', draw, CASE type WHEN 'new_business' THEN 84000 ELSE 14000 END)
    )::DECIMAL(14, 2) AS amount,
    false AS is_won
  FROM pursued
),
listed AS (
  SELECT *
  FROM won
  UNION ALL
  SELECT *
  FROM lost
),
timed AS (
  SELECT
    *,
    created_on + to_seconds(28800 + dice('opportunity_time', draw) % 14400) AS created_at,
    CASE
      WHEN closes_on <= last_day_of_data()
        THEN closes_on + to_seconds(46800 + dice('closing_time', draw) % 18000)
    END AS closed_at,
    -- The share of its way that an open one has made.
    100 * (last_day_of_data() - created_on) // greatest(closes_on - created_on, 1) AS progress
  FROM listed
),
staffed AS (
  SELECT timed.*, month_on, dice('owner', draw) % people AS nth
  FROM timed
  LEFT JOIN staff_sizes('headcount_snapshots', 'sales')
    ON month_on = date_trunc('month', created_on)::DATE
)
SELECT
  row_number() OVER (ORDER BY created_at, draw)::BIGINT AS opportunity_id,
  staffed.account_id::BIGINT AS account_id,
  CASE WHEN type = 'new_business' THEN lead_id END::BIGINT AS lead_id,
  employee_id::BIGINT AS employee_id,
  type::VARCHAR AS type,
  CASE
    WHEN closed_at IS NOT NULL THEN CASE WHEN is_won THEN 'won' ELSE 'lost' END
    WHEN progress < 25 THEN 'discovery'
    WHEN progress < 50 THEN 'demo'
    WHEN progress < 80 THEN 'proposal'
    ELSE 'negotiation'
  END::VARCHAR AS stage,
  amount::DECIMAL(14, 2) AS amount,
  created_at::TIMESTAMP AS created_at,
  closed_at::TIMESTAMP AS closed_at,
  (closes_on + (dice('expected', draw) % 30)::INTEGER - 12)::DATE AS expected_close_on,
  CASE
    WHEN closed_at IS NULL OR is_won OR dice('reason', draw) < 150000 THEN NULL
    ELSE ['price', 'no_decision', 'competitor', 'timing'][1 + dice('reason', draw) % 4]
  END::VARCHAR AS lost_reason
FROM staffed
LEFT JOIN staff('headcount_snapshots', 'sales') USING (month_on, nth)
LEFT JOIN first_leads ON first_leads.account_id = staffed.account_id
ORDER BY opportunity_id
