-- Finance asked for gross margin per quarter
WITH billed AS (
  SELECT date_trunc('quarter', issued_at)::date AS quarter, SUM(amount) AS billed
  FROM invoices
  WHERE status <> 'void'
  GROUP BY 1
), cost AS (
  SELECT date_trunc('quarter', incurred_on)::date AS quarter, SUM(amount) AS cost
  FROM cogs_lines
  GROUP BY 1
)
SELECT quarter, cost, 1 - cost / billed AS gross_margin
FROM billed JOIN cost USING (quarter)
ORDER BY quarter
