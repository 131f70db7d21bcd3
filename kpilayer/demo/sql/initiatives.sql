WITH planned AS (
  SELECT
    number,
    dice('initiative', number) AS draw,
    first_day() + (dice('initiative_day', number) % 860)::INTEGER AS started_on
  FROM range(1, scaled(36) + 1) AS numbered(number)
),
run AS (
  SELECT
    *,
    started_on + (60 + draw % 240)::INTEGER AS ends_on,
    8000 + skewed('initiative_cost', number, 190000) AS cost
  FROM planned
)
SELECT
  number::BIGINT AS initiative_id,
  (
    ['Onboarding', 'Pricing', 'Partner portal', 'Self-service', 'Automation'][1 + draw % 5]
    || ' ' || number
  )::VARCHAR AS name,
  ['product', 'marketing', 'sales', 'operations'][1 + draw % 4]::VARCHAR AS area,
  started_on::DATE AS started_on,
  CASE WHEN ends_on <= last_day_of_data() THEN ends_on END::DATE AS ended_on,
  cost::DECIMAL(14, 2) AS cost,
  CASE
    WHEN ends_on <= last_day_of_data() AND draw % 100 >= 12
      THEN cost * (40 + dice('initiative_gain', number) % 280) * 0.01
  END::DECIMAL(14, 2) AS gain
FROM run
ORDER BY initiative_id
