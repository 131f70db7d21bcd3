SELECT
    (FORMAT_TIMESTAMP('%F', TIMESTAMP_TRUNC(leads.created_at , WEEK(MONDAY)))) AS leads_created_week,
    leads.channel  AS leads_channel,
    COUNT(DISTINCT LOWER(leads.email) ) AS leads_count_distinct,
    COUNT(leads.lead_id ) AS leads_rows
FROM `acme-prod.core.leads`  AS leads
WHERE leads.channel IN ('search', 'social')
GROUP BY
    1,
    2
ORDER BY
    1 DESC
LIMIT 500
