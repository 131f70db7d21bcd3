-- Looker Query Context '{"history_slug":"7f1c0a","dashboard":"sales_addons"}'
SELECT
    (FORMAT_TIMESTAMP('%Y-%m', TIMESTAMP_TRUNC(opportunities.closed_at , QUARTER))) AS opportunities_closed_quarter,
    COUNT(DISTINCT opportunities.opportunity_id ) AS opportunities_count,
    1.0 * COUNT(CASE WHEN (opportunities.stage = 'won') THEN 1 END) / NULLIF(COUNT(*), 0) AS opportunities_conversion,
    AVG(CASE WHEN (opportunities.stage = 'won') THEN DATE_DIFF(DATE(opportunities.closed_at), DATE(opportunities.created_at), DAY) END) AS opportunities_sales_cycle,
    AVG(opportunities.amount ) AS opportunities_avg_deal_size
FROM `acme-prod.core.opportunities`  AS opportunities
WHERE (opportunities.type = 'cross_sell') AND (opportunities.stage IN ('won', 'lost'))
GROUP BY
    1
ORDER BY
    1 DESC
LIMIT 500
