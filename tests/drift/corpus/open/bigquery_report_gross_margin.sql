WITH months AS (
  SELECT r.recognised_on AS month_end, SUM(r.amount) AS revenue, SUM(c.amount) AS cogs
  FROM core.revenue_lines r
  JOIN core.cogs_lines c ON c.incurred_on = r.recognised_on AND c.product_id = r.product_id
  GROUP BY month_end
)
SELECT month_end, revenue, cogs, SAFE_DIVIDE(revenue - cogs, revenue) AS gross_margin
FROM months
