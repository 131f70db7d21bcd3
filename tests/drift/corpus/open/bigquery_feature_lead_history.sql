CREATE OR REPLACE TABLE `acme-ml.features.lead_history` AS
SELECT
  l.lead_id,
  l.channel,
  l.score,
  COUNT(l2.lead_id) AS earlier_forms,
  MAX(l2.score) AS best_earlier_score,
  DATETIME_DIFF(l.created_at, MAX(l2.created_at), DAY) AS days_since_last_form,
  SAFE_DIVIDE(l.score, AVG(l2.score)) AS score_trend,
  LOGICAL_OR(l2.account_id IS NOT NULL) AS signed_up_before
FROM core.leads AS l
LEFT JOIN core.leads AS l2
  ON LOWER(l2.email) = LOWER(l.email)
  AND l2.created_at < l.created_at
GROUP BY l.lead_id, l.channel, l.score, l.created_at
