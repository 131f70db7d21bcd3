-- Looker Query Context '{"user_id":19,"history_slug":"b7e0","instance_slug":"a41c"}'
SELECT
    DATE_TRUNC('month', opportunities.closed_at )::date AS "opportunities.closed_month",
    1.0 * COUNT(CASE WHEN opportunities.stage = 'won' THEN 1 ELSE NULL END) / NULLIF(COUNT(*), 0) AS "opportunities.win_rate",
    COALESCE(SUM(CASE WHEN opportunities.stage = 'won' THEN opportunities.amount ELSE NULL END), 0) / NULLIF(COUNT(CASE WHEN opportunities.stage = 'won' THEN 1 ELSE NULL END), 0) AS "opportunities.average_deal_size",
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY opportunities.closed_at::date - opportunities.created_at::date) AS "opportunities.median_sales_cycle"
FROM public.opportunities AS opportunities
LEFT JOIN public.employees AS employees ON opportunities.employee_id = employees.employee_id
WHERE opportunities.closed_at IS NOT NULL
GROUP BY
    1
ORDER BY
    1 DESC
FETCH NEXT 500 ROWS ONLY
