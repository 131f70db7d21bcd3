SELECT date_trunc('quarter', issued_at) AS quarter,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY paid_on - issued_at::date) AS median_days,
       avg(paid_on - due_on) AS average_delay
FROM invoices
WHERE status = 'paid' AND amount >= 0
GROUP BY 1
