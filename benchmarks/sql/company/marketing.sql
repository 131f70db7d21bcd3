-- Marketing by month: five tables.
WITH spent AS (
  SELECT
    DATE_TRUNC('month', spent_on) AS month,
    SUM(amount) AS marketing_spend,
    SUM(amount) FILTER (channel IN ('search', 'social')) AS ad_spend
  FROM marketing_spend
  GROUP BY ALL
), asked AS (
  SELECT DATE_TRUNC('month', created_at) AS month, COUNT(DISTINCT LOWER(email)) AS leads
  FROM leads
  GROUP BY ALL
), credited AS (
  SELECT DATE_TRUNC('month', credited_on) AS month, SUM(revenue) AS ad_revenue
  FROM attribution
  WHERE channel IN ('search', 'social')
  GROUP BY ALL
), visited AS (
  SELECT DATE_TRUNC('month', started_at) AS month, COUNT(DISTINCT visitor_id) AS visitors
  FROM web_sessions
  GROUP BY ALL
), qualified AS (
  SELECT DATE_TRUNC('month', entered_at) AS month, COUNT(DISTINCT lead_id) AS qualified_leads
  FROM lead_stages
  WHERE stage = 'mql'
  GROUP BY ALL
)
SELECT
  month,
  marketing_spend,
  leads,
  marketing_spend / NULLIF(leads, 0) AS cost_per_lead,
  leads / NULLIF(visitors, 0) AS lead_capture_rate,
  qualified_leads,
  ad_revenue / NULLIF(ad_spend, 0) AS roas
FROM spent
FULL JOIN asked USING (month)
FULL JOIN credited USING (month)
FULL JOIN visited USING (month)
FULL JOIN qualified USING (month)
ORDER BY month
