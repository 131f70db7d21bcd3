-- Are postings tagged? Alert goes to marketing-ops@example.com
WITH per_day AS (
  SELECT
    spent_on,
    channel,
    COUNT(*) AS postings,
    COUNTIF(campaign IS NULL) / COUNT(*) AS untagged_ratio,
    COUNTIF(amount = 0) AS zero_rows,
    COUNT(*) - COUNT(DISTINCT spend_id) AS doubled
  FROM `acme-prod.core.marketing_spend`
  WHERE spent_on >= DATE_SUB(CURRENT_DATE(), INTERVAL 14 DAY)
  GROUP BY spent_on, channel
)
SELECT spent_on, channel, untagged_ratio, zero_rows, doubled
FROM per_day
WHERE (postings >= 5 AND untagged_ratio > 0.5)
   OR zero_rows > 0
   OR doubled > 0
ORDER BY spent_on DESC, untagged_ratio DESC
