WITH opened AS (
  SELECT *
  FROM (
    VALUES ('operating', scaled(9500000)), ('reserve', scaled(4000000))
  ) AS listed(bank_account, cash)
),
moved AS (
  SELECT
    bank_account,
    booked_on AS on_day,
    sum(amount) FILTER (WHERE direction = 'in') AS inflow,
    sum(amount) FILTER (WHERE direction = 'out') AS outflow
  FROM cash_movements
  GROUP BY bank_account, booked_on
),
daily AS (
  SELECT
    on_day,
    bank_account,
    cash,
    coalesce(inflow, 0) AS inflow,
    coalesce(outflow, 0) AS outflow
  FROM calendar()
  CROSS JOIN opened
  LEFT JOIN moved USING (on_day, bank_account)
),
closed AS (
  SELECT
    *,
    cash + sum(inflow - outflow) OVER (PARTITION BY bank_account ORDER BY on_day) AS closing
  FROM daily
)
SELECT
  row_number() OVER (ORDER BY on_day, bank_account)::BIGINT AS balance_id,
  on_day::DATE AS on_day,
  bank_account::VARCHAR AS bank_account,
  (closing - inflow + outflow)::DECIMAL(14, 2) AS opening,
  inflow::DECIMAL(14, 2) AS inflow,
  outflow::DECIMAL(14, 2) AS outflow,
  closing::DECIMAL(14, 2) AS closing
FROM closed
ORDER BY balance_id
