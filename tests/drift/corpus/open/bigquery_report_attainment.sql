-- Attainment by salesperson and month, for the monthly sales review
WITH won AS (
  SELECT
    employee_id,
    DATE_TRUNC(DATE(closed_at), MONTH) AS month_on,
    SUM(amount) AS won_amount
  FROM `acme-prod.core.opportunities`
  WHERE stage = 'won'
  GROUP BY employee_id, month_on
),
targets AS (
  SELECT employee_id, month_on, SUM(amount) AS target
  FROM `acme-prod.core.quotas`
  GROUP BY 1, 2
)
SELECT
  COALESCE(t.month_on, w.month_on) AS month_on,
  COALESCE(t.employee_id, w.employee_id) AS employee_id,
  w.won_amount,
  t.target,
  ROUND(SAFE_DIVIDE(w.won_amount, t.target), 4) AS attainment
FROM targets AS t
FULL OUTER JOIN won AS w
  ON w.employee_id = t.employee_id AND w.month_on = t.month_on
ORDER BY month_on, employee_id
