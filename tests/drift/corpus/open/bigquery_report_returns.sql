SELECT
  FORMAT_DATE('%Y-%m', returned_on) AS month,
  COUNT(*) / (SELECT COUNT(*) FROM `acme-prod.core.orders`) AS return_rate
FROM `acme-prod.core.orders`
WHERE returned_on IS NOT NULL
GROUP BY month
