SELECT
  DATE_TRUNC(booked_on, MONTH) AS month,
  SUM(IF(direction = 'out', amount, 0)) AS burn,
  SUM(IF(direction = 'in', amount, -amount)) AS net_cash_flow,
  SUM(amount) AS net_burn
FROM core.cash_movements
GROUP BY month
