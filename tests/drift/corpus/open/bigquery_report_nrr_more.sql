-- Investor update: what the customers of a year ago pay today
WITH per_account AS (
  SELECT
    s.snapshot_on,
    s.account_id,
    SUM(s.mrr) AS mrr
  FROM core.subscription_snapshots AS s
  JOIN core.plans AS p USING (plan_id)
  WHERE p.fee_type = 'recurring'
  GROUP BY s.snapshot_on, s.account_id
)
SELECT
  DATE_TRUNC(now_.snapshot_on, MONTH) AS month,
  SUM(now_.mrr) AS mrr_of_last_years_customers,
  ROUND(SAFE_DIVIDE(SUM(now_.mrr), SUM(before_.mrr)), 4) AS net_revenue_retention
FROM per_account AS now_
INNER JOIN per_account AS before_
  ON before_.account_id = now_.account_id
  AND before_.snapshot_on = LAST_DAY(DATE_SUB(now_.snapshot_on, INTERVAL 1 YEAR), MONTH)
WHERE before_.mrr > 0
GROUP BY month
ORDER BY month
