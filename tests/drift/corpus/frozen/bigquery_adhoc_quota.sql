-- asked by sales ops: attainment per person and quarter, 2025
SELECT
  e.name,
  FORMAT_DATE('%Y-Q%Q', q.month_on) AS quarter,
  SUM(o.amount) AS closed_won,
  SUM(q.amount) AS quota,
  ROUND(100 * SAFE_DIVIDE(SUM(o.amount), SUM(q.amount)), 1) AS attainment_pct
FROM `acme-prod`.core.quotas q
JOIN `acme-prod`.core.employees e ON e.employee_id = q.employee_id
LEFT JOIN `acme-prod`.core.opportunities o
  ON o.employee_id = q.employee_id
  AND o.stage = 'won'
  AND DATE_TRUNC(DATE(o.closed_at), MONTH) = q.month_on
WHERE EXTRACT(YEAR FROM q.month_on) = 2025
GROUP BY 1, 2
ORDER BY 2, 5 DESC
