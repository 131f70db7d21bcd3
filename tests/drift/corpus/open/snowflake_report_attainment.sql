-- Sales review: who is where against quota, by month
SELECT
    q.month_on,
    e.name,
    e.employee_id,
    SUM(o.amount)                             AS won_amount,
    AVG(o.amount)                             AS avg_deal,
    SUM(q.amount)                             AS quota,
    SUM(o.amount) / NULLIF(SUM(q.amount), 0)  AS attainment
FROM core.opportunities o
JOIN core.quotas q
    ON q.employee_id = o.employee_id
    AND q.month_on = DATE_TRUNC('month', o.closed_at)::DATE
JOIN core.employees e ON e.employee_id = o.employee_id
WHERE o.stage ILIKE 'won'
GROUP BY q.month_on, e.name, e.employee_id
ORDER BY 1, 2
