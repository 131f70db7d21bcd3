WITH revenue AS (
  SELECT DATE_TRUNC(recognised_on, MONTH) AS month, SUM(amount) AS revenue
  FROM finance.revenue_lines
  GROUP BY 1
), ebitda AS (
  SELECT DATE_TRUNC(g.posted_on, MONTH) AS month, -SUM(g.amount) AS ebitda
  FROM finance.gl_entries AS g
  JOIN finance.ledger_accounts AS a USING (ledger_account_id)
  WHERE a.account_class IN ('revenue', 'cost_of_sales', 'operating_expense')
  GROUP BY 1
), growth AS (
  SELECT month, revenue, revenue / LAG(revenue, 12) OVER (ORDER BY month) - 1 AS growth_yoy
  FROM revenue
)
SELECT
  month,
  growth_yoy,
  growth_yoy + SAFE_DIVIDE(ebitda, revenue) AS rule_of_40
FROM growth
JOIN ebitda USING (month)
WHERE growth_yoy IS NOT NULL
ORDER BY month DESC
