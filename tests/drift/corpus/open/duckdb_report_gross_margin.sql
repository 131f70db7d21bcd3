WITH r AS (
  SELECT recognised_on AS month_end, SUM(list_amount - discount) AS listed, SUM(amount) AS revenue, SUM(discount) / SUM(list_amount) AS discount_rate
  FROM revenue_lines GROUP BY 1
),
c AS (
  SELECT incurred_on AS month_end, SUM(amount) AS cogs, SUM(amount) FILTER (WHERE type = 'hosting') AS hosting
  FROM cogs_lines GROUP BY 1
)
SELECT r.month_end, r.revenue, r.discount_rate, c.cogs, (r.revenue - c.cogs) / r.revenue AS gross_margin,
       1 - c.hosting / r.revenue AS hosting_margin
FROM r JOIN c ON c.month_end = r.month_end
