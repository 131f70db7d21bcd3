SELECT DATE_TRUNC(on_day, MONTH) AS month, bank_account, AVG(closing) AS cash
FROM core.cash_balances
GROUP BY month, bank_account
