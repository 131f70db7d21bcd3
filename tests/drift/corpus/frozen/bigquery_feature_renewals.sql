-- Renewal model: one row per running subscription
CREATE OR REPLACE TABLE `acme-prod.features.renewals`
CLUSTER BY account_id AS
SELECT
  s.subscription_id,
  s.account_id,
  p.tier,
  s.mrr AS price,
  LN(1 + s.mrr) AS log_price,
  DATE_DIFF(DATE '2026-06-30', s.started_on, MONTH) AS tenure_months,
  ROW_NUMBER() OVER (PARTITION BY s.account_id ORDER BY s.started_on) AS nth_subscription,
  s.mrr / NULLIF(MAX(s.mrr) OVER (PARTITION BY s.account_id), 0) AS price_to_largest,
  PERCENT_RANK() OVER (PARTITION BY p.tier ORDER BY s.mrr) AS price_rank_in_tier,
  LAG(s.ended_on) OVER (PARTITION BY s.account_id, s.plan_id ORDER BY s.started_on) IS NOT NULL AS came_back,
  EXISTS (
    SELECT 1
    FROM `acme-prod.core.tickets` AS t
    WHERE t.account_id = s.account_id
      AND t.priority = 'urgent'
      AND t.resolved_at IS NULL
  ) AS has_urgent_ticket
FROM `acme-prod.core.subscriptions` AS s
JOIN `acme-prod.core.plans` AS p ON p.plan_id = s.plan_id
WHERE s.ended_on IS NULL
