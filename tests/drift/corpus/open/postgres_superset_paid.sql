SELECT DATE_TRUNC('month', issued_at) AS __timestamp,
       SUM(CASE WHEN status = 'paid' THEN amount - tax ELSE 0 END) / SUM(amount - tax) AS paid_share,
       SUM(CASE WHEN status = 'void' THEN 0 ELSE amount - tax END) AS net
FROM public.invoices
GROUP BY DATE_TRUNC('month', issued_at)
ORDER BY 1
LIMIT 50000
