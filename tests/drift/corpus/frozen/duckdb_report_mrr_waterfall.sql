-- Waterfall for the board pack
WITH monthly AS (
  SELECT
    date_trunc('month', moved_on) AS month,
    sum(delta) FILTER (WHERE type = 'new') AS new_mrr,
    sum(delta) FILTER (WHERE type IN ('expansion', 'contraction')) AS expansion,
    -sum(delta) FILTER (WHERE type = 'churn') AS lost,
    sum(delta) AS net_change
  FROM mrr_movements
  GROUP BY 1
)
SELECT
  strftime(month, '%Y-%m') AS month,
  coalesce(new_mrr, 0) AS new_mrr,
  coalesce(expansion, 0) AS expansion,
  coalesce(lost, 0) AS churned_mrr,
  net_change
FROM monthly
ORDER BY month
