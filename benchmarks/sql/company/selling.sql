-- Sales begun and sales closed by month and segment of the account; some have no account yet.
WITH begun AS (
  SELECT DATE_TRUNC('month', created_at) AS month, segment, COUNT(*) AS opportunities_created
  FROM opportunities
  LEFT JOIN accounts USING (account_id)
  GROUP BY ALL
), closed AS (
  SELECT
    DATE_TRUNC('month', closed_at) AS month,
    segment,
    SUM(amount) FILTER (stage = 'won') AS won_amount,
    NULLIF(COUNT(*) FILTER (stage = 'won'), 0) AS won_deals,
    COUNT(*) AS closed_deals
  FROM opportunities
  LEFT JOIN accounts USING (account_id)
  WHERE stage IN ('won', 'lost')
  GROUP BY ALL
)
SELECT
  COALESCE(begun.month, closed.month) AS month,
  COALESCE(begun.segment, closed.segment) AS segment,
  opportunities_created,
  won_amount,
  won_deals / closed_deals AS win_rate,
  won_amount / won_deals AS avg_deal_size
FROM begun
FULL JOIN closed
  ON begun.month = closed.month AND begun.segment IS NOT DISTINCT FROM closed.segment
ORDER BY ALL
