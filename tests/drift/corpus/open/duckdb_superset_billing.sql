SELECT DATE_TRUNC('month', paid_on) AS __timestamp,
       sum(amount - tax) AS "SUM(net)",
       count(*) AS count,
       avg(amount - tax) AS "AVG(net)",
       median(date_diff('day', issued_at, paid_on)) AS "days to pay"
FROM main.invoices
WHERE status = 'paid'
GROUP BY 1
LIMIT 50000
