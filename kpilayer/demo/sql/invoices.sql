WITH months AS (
  SELECT on_day FROM calendar() WHERE day(on_day) = 1
),
software AS (
  SELECT
    account_id,
    on_day,
    sum(delta) AS net,
    false AS is_services,
    'software:' || account_id || ':' || on_day AS draw
  FROM months
  INNER JOIN mrr_movements ON moved_on < on_day
  GROUP BY account_id, on_day
  HAVING sum(delta) > 0
),
packages AS (
  SELECT
    account_id,
    started_on AS on_day,
    mrr AS net,
    true AS is_services,
    'package:' || subscription_id AS draw
  FROM subscriptions
  INNER JOIN plans USING (plan_id)
  WHERE fee_type = 'one_time'
),
-- What was worked is billed on the month's last day; a fixed price seldom meets the hours.
billed_work AS (
  SELECT
    account_id,
    last_day(worked_on) AS on_day,
    sum(hours * rate)::DECIMAL(14, 2)
      * CASE type WHEN 'fixed' THEN 70 + dice('bargain', project_id) % 35 ELSE 100 END
      * 0.01 AS net,
    true AS is_services,
    'work:' || project_id || ':' || last_day(worked_on) AS draw
  FROM timesheets
  INNER JOIN projects USING (project_id)
  WHERE is_billable
  GROUP BY account_id, project_id, type, last_day(worked_on)
),
-- Single sales that were booked without an account, or on one of a system since closed.
strays AS (
  SELECT
    CASE WHEN dice('stray', number) < 600000 THEN NULL ELSE 900000000 + number END AS account_id,
    first_day() + (dice('stray_day', number) % 912)::INTEGER AS on_day,
    0.01 * (2000 + dice('stray_net', number) % 48001) AS net,
    dice('stray_kind', number) < 300000 AS is_services,
    'stray:' || number AS draw
  FROM range(scaled(160)) AS numbered(number)
),
billed AS (
  SELECT account_id, on_day, net::DECIMAL(14, 2) AS net, is_services, draw FROM software
  UNION ALL
  SELECT account_id, on_day, net::DECIMAL(14, 2), is_services, draw FROM packages
  UNION ALL
  SELECT account_id, on_day, net::DECIMAL(14, 2), is_services, draw FROM billed_work
  UNION ALL
  SELECT account_id, on_day, net::DECIMAL(14, 2), is_services, draw FROM strays
),
credits AS (
  SELECT
    account_id,
    on_day + (3 + dice('credit_day', draw) % 25)::INTEGER AS on_day,
    (net * (10 + dice('credit_part', draw) % 41) * -0.01)::DECIMAL(14, 2) AS net,
    is_services,
    'credit:' || draw AS draw
  FROM billed
  WHERE dice('credit', draw) < 12000
),
issued AS (
  SELECT *, false AS is_credit FROM billed
  UNION ALL
  SELECT *, true FROM credits WHERE on_day <= last_day_of_data()
),
settled AS (
  SELECT
    account_id,
    on_day,
    net,
    is_services,
    draw,
    on_day + to_seconds(21600 + dice('minute', draw) % 36000) AS issued_at,
    on_day + CASE segment WHEN 'enterprise' THEN 45 ELSE 30 END AS due_on,
    NOT is_credit AND dice('void', draw) < 25000 AS is_void,
    CASE
      WHEN is_credit THEN on_day
      WHEN dice('never', draw) < 12000 THEN NULL
      WHEN segment = 'smb'
        THEN on_day + (1 + dice('pays', draw) % 21 + dice('queue', draw) % 18)::INTEGER
      ELSE on_day + (8 + dice('pays', draw) % 31 + dice('queue', draw) % 30)::INTEGER
    END AS pays_on,
    (
      net
      * CASE currency_zone WHEN 'EUR' THEN 20 WHEN 'GBP' THEN 20 WHEN 'USD' THEN 7 ELSE 0 END
      * 0.01
    )::DECIMAL(12, 2) AS tax
  FROM issued
  LEFT JOIN accounts USING (account_id)
  LEFT JOIN regions USING (region_id)
)
SELECT
  row_number() OVER (ORDER BY issued_at, draw)::BIGINT AS invoice_id,
  account_id::BIGINT AS account_id,
  issued_at::TIMESTAMP AS issued_at,
  due_on::DATE AS due_on,
  CASE WHEN NOT is_void AND pays_on <= last_day_of_data() THEN pays_on END::DATE AS paid_on,
  CASE
    WHEN is_void THEN 'void'
    WHEN pays_on <= last_day_of_data() THEN 'paid'
    ELSE 'open'
  END::VARCHAR AS status,
  (net + tax)::DECIMAL(14, 2) AS amount,
  tax::DECIMAL(12, 2) AS tax,
  is_services::BOOLEAN AS is_services
FROM settled
ORDER BY invoice_id
