WITH month_end AS (
  SELECT on_day, closing, bank_account
  FROM cash_balances
  QUALIFY row_number() OVER (PARTITION BY bank_account, date_trunc('month', on_day) ORDER BY on_day DESC) = 1
), balance AS (
  SELECT date_trunc('month', on_day) AS month, sum(closing) AS cash
  FROM month_end
  GROUP BY 1
), burn AS (
  SELECT
    date_trunc('month', booked_on) AS month,
    sum(amount) FILTER (WHERE direction = 'out') AS gross_burn,
    sum(CASE direction WHEN 'out' THEN amount WHEN 'in' THEN -amount END) AS net_burn
  FROM cash_movements
  GROUP BY 1
)
SELECT
  month,
  cash,
  gross_burn,
  CASE WHEN net_burn > 0 THEN cash / net_burn END AS runway_months
FROM balance
JOIN burn USING (month)
ORDER BY month
