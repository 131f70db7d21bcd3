-- What it costs to run the software follows its revenue; people are what they are paid.
WITH hosting AS (
  SELECT
    recognised_on AS incurred_on,
    product_id,
    'hosting' AS type,
    (
      sum(amount) * (150 - 2 * datediff('month', first_day(), recognised_on)) * 0.001
    )::DECIMAL(14, 2) AS amount
  FROM revenue_lines
  WHERE type <> 'services'
  GROUP BY recognised_on, product_id
),
paid AS (
  SELECT
    snapshot_on AS incurred_on,
    CASE department WHEN 'consulting' THEN 8 END AS product_id,
    department AS type,
    sum(monthly_cost * fte)::DECIMAL(14, 2) AS amount
  FROM headcount_snapshots
  INNER JOIN employees USING (employee_id, department)
  WHERE department IN ('support', 'consulting')
  GROUP BY snapshot_on, department
),
spent AS (
  SELECT *
  FROM hosting
  WHERE amount > 0
  UNION ALL
  SELECT *
  FROM paid
)
SELECT
  row_number() OVER (ORDER BY incurred_on, type, product_id NULLS LAST)::BIGINT AS cogs_id,
  incurred_on::DATE AS incurred_on,
  product_id::INTEGER AS product_id,
  type::VARCHAR AS type,
  amount::DECIMAL(14, 2) AS amount
FROM spent
ORDER BY cogs_id
