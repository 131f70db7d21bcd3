SELECT DATE_TRUNC('week', searched_on) AS __timestamp,
       sum(impressions) AS "SUM(impressions)",
       sum(CASE WHEN query LIKE '%acme%' THEN clicks ELSE 0 END) AS "Brand Searches",
       sum(clicks) / sum(impressions) AS "CTR"
FROM
  (SELECT s.searched_on,
          s.query,
          s.impressions,
          s.clicks
   FROM main.search_console s) AS virtual_table
WHERE searched_on >= CAST('2025-01-06' AS DATE)
  AND searched_on < CAST('2026-01-05' AS DATE)
GROUP BY DATE_TRUNC('week', searched_on)
ORDER BY "SUM(impressions)" DESC
LIMIT 10000
