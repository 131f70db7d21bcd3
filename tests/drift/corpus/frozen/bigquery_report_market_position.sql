-- Strategy deck, market position
WITH market AS (
  SELECT DATE_TRUNC(month_on, QUARTER) AS quarter, SUM(amount) AS market
  FROM `acme-prod.core.market_size`
  GROUP BY quarter
),
ours AS (
  SELECT
    DATE_TRUNC(l.recognised_on, QUARTER) AS quarter,
    SUM(l.amount) AS revenue,
    SUM(IF(p.launched_on > DATE_SUB(DATE '2026-06-30', INTERVAL 24 MONTH), l.amount, 0)) AS new_products
  FROM `acme-prod.core.revenue_lines` AS l
  LEFT JOIN `acme-prod.core.products` AS p ON p.product_id = l.product_id
  GROUP BY quarter
),
billed AS (
  SELECT DATE_TRUNC(DATE(issued_at), QUARTER) AS quarter, SUM(amount) AS billed
  FROM `acme-prod.core.invoices`
  WHERE status <> 'void'
  GROUP BY quarter
)
SELECT
  m.quarter,
  m.market AS market_volume,
  o.revenue,
  SAFE_DIVIDE(b.billed, m.market) AS market_share,
  SAFE_DIVIDE(o.new_products, o.revenue) AS innovation_rate
FROM market AS m
LEFT JOIN ours AS o ON o.quarter = m.quarter
LEFT JOIN billed AS b ON b.quarter = m.quarter
ORDER BY m.quarter
