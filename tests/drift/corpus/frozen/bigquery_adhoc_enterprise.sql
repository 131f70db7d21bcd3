#standardSQL
-- net of tax, without void ones; euro as regions quote it
SELECT
  EXTRACT(YEAR FROM i.issued_at) AS year,
  EXTRACT(QUARTER FROM i.issued_at) AS quarter,
  SAFE_DIVIDE(
    SUM(IF(a.segment = 'enterprise', i.amount - i.tax, 0)),
    SUM(i.amount - i.tax)
  ) AS enterprise_share,
  SUM(CASE r.currency_zone WHEN 'EUR' THEN i.amount - i.tax END) AS euro_zone
FROM `acme-prod`.core.invoices i
JOIN `acme-prod`.core.accounts a USING (account_id)
LEFT JOIN `acme-prod`.core.regions r USING (region_id)
WHERE i.status IN ('paid', 'open')
GROUP BY 1, 2
ORDER BY 1, 2
