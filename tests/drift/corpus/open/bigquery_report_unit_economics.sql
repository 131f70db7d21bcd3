WITH spend AS (
  SELECT DATE_TRUNC(spent_on, QUARTER) AS quarter, SUM(amount) AS spend
  FROM `acme-prod`.core.marketing_spend
  GROUP BY quarter
),
sales_team AS (
  SELECT 3 * SUM(monthly_cost) AS salaries
  FROM `acme-prod`.core.employees
  WHERE department = 'sales' AND left_on IS NULL
),
won AS (
  SELECT
    DATE_TRUNC(moved_on, QUARTER) AS quarter,
    COUNT(DISTINCT account_id) AS customers,
    SUM(delta) AS mrr
  FROM `acme-prod`.core.mrr_movements
  WHERE type = 'new'
  GROUP BY quarter
)
SELECT
  FORMAT_DATE('%Y-Q%Q', quarter) AS quarter_name,
  spend / customers AS cac,
  (spend + salaries) / customers AS cac_fully_loaded,
  spend / mrr AS payback_months
FROM won
JOIN spend USING (quarter)
CROSS JOIN sales_team
ORDER BY quarter_name
