SELECT
  on_day,
  SUM(closing) AS cash,
  SUM(opening) AS cash_at_start,
  SUM(closing) - SUM(opening) AS change
FROM core.cash_balances
WHERE on_day = LAST_DAY(on_day)
GROUP BY on_day
