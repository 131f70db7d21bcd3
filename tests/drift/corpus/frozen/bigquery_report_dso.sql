WITH open_items AS (
  SELECT snapshot_on, SUM(balance) AS receivables
  FROM finance.receivable_snapshots
  GROUP BY snapshot_on
),
sold AS (
  SELECT LAST_DAY(recognised_on) AS month_end, SUM(amount) AS sales
  FROM finance.revenue_lines
  GROUP BY month_end
)
SELECT
  o.snapshot_on AS month_end,
  o.receivables,
  SAFE_DIVIDE(o.receivables, s.sales) * EXTRACT(DAY FROM o.snapshot_on) AS dso
FROM open_items AS o
LEFT JOIN sold AS s ON s.month_end = o.snapshot_on
ORDER BY month_end
