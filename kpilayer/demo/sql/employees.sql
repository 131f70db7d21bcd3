-- A seat of a department is opened once; who leaves it is replaced some weeks later.
WITH departments AS (
  SELECT *
  FROM (
    VALUES
      (1, 'administration', scaled(10), 6900),
      (2, 'sales', scaled(18), 8200),
      (3, 'marketing', scaled(9), 6800),
      (4, 'support', scaled(12), 5200),
      (5, 'success', scaled(8), 6100),
      (6, 'engineering', scaled(30), 9200)
  ) AS listed(rank, department, seats, pay)
),
seated AS (
  SELECT
    rank,
    department,
    pay,
    unnest(range(seats)) AS nth,
    seats
  FROM departments
),
opened AS (
  SELECT
    rank,
    department,
    pay,
    nth,
    rank * 10000000 + nth AS seat,
    CASE
      WHEN nth = 0 OR nth * 100 < seats * 55
        THEN DATE '2023-12-31' - (dice('opened', rank * 10000000 + nth) % 1700)::INTEGER
      ELSE first_day() + ((nth * 100 - seats * 55) * 860 // (seats * 45))::INTEGER
    END AS hired_on
  FROM seated
),
first_holders AS (
  SELECT
    *,
    CASE
      WHEN nth > 0 AND dice('leaves', seat) < 240000
        THEN greatest(hired_on, first_day()) + (90 + dice('leaves_on', seat) % 800)::INTEGER
    END AS leaves_on
  FROM opened
),
hired AS (
  SELECT rank, department, pay, nth, seat, 0 AS turn, hired_on, leaves_on, NULL AS consultant_id
  FROM first_holders
  UNION ALL
  SELECT
    rank,
    department,
    pay,
    nth,
    seat,
    1,
    leaves_on + (20 + dice('replaced', seat) % 60)::INTEGER,
    NULL,
    NULL
  FROM first_holders
  WHERE leaves_on + (20 + dice('replaced', seat) % 60)::INTEGER <= last_day_of_data()
  UNION ALL
  -- Consultants join on the first day that their timesheets allow.
  SELECT
    7,
    'consulting',
    (hourly_cost * 140)::INTEGER,
    consultant_id,
    70000000 + consultant_id,
    0,
    CASE
      WHEN dice('joined', consultant_id) < 600000
        THEN DATE '2023-12-31' - (dice('opened', 70000000 + consultant_id) % 1700)::INTEGER
      ELSE first_day() + (dice('joined', consultant_id) % 700)::INTEGER
    END,
    NULL,
    consultant_id
  FROM consultants
)
SELECT
  row_number() OVER (ORDER BY hired_on, seat, turn)::BIGINT AS employee_id,
  consultant_id::BIGINT AS consultant_id,
  ('Employee ' || row_number() OVER (ORDER BY hired_on, seat, turn))::VARCHAR AS name,
  department::VARCHAR AS department,
  CASE department
    WHEN 'engineering' THEN ['platform', 'reports', 'integrations', 'mobile', 'data'][1 + nth % 5]
    WHEN 'sales' THEN ['growth', 'key_accounts'][1 + nth % 2]
    ELSE department
  END::VARCHAR AS team,
  hired_on::DATE AS hired_on,
  CASE WHEN leaves_on <= last_day_of_data() THEN leaves_on END::DATE AS left_on,
  (
    CASE
      WHEN department = 'consulting' THEN pay
      ELSE pay * (80 + dice('pay', seat * 10 + turn) % 45) // 100
    END
  )::DECIMAL(10, 2) AS monthly_cost
FROM hired
ORDER BY employee_id
