-- Sign-ups are dealt to the days in whole numbers: each day gets its share of the total weight.
WITH weighted AS (
  SELECT
    on_day,
    (300 + age)
      * [105, 105, 115, 105, 100, 95, 80, 75, 115, 115, 110, 80][month_number]
      * CASE WHEN weekday <= 5 THEN 10 ELSE 2 END
      * CASE WHEN age < 5 THEN 15 ELSE 1 END AS weight -- pilot customers move over first
  FROM calendar()
),
cumulated AS (
  SELECT
    on_day,
    weight,
    (sum(weight) OVER (ORDER BY on_day))::BIGINT AS upto,
    (sum(weight) OVER ())::BIGINT AS total
  FROM weighted
),
dealt AS (
  SELECT
    on_day,
    unnest(range(scaled(1500) * (upto - weight) // total, scaled(1500) * upto // total)) + 1
      AS account_id
  FROM cumulated
),
countries AS (
  SELECT *
  FROM (
    VALUES
      ('United States', 1, 0, 280000),
      ('Canada', 1, 280000, 340000),
      ('Brazil', 2, 340000, 385000),
      ('Mexico', 2, 385000, 415000),
      ('United Kingdom', 3, 415000, 535000),
      ('Ireland', 3, 535000, 560000),
      ('Germany', 4, 560000, 680000),
      ('Austria', 4, 680000, 710000),
      ('Switzerland', 4, 710000, 735000),
      ('France', 5, 735000, 805000),
      ('Spain', 5, 805000, 845000),
      ('Sweden', 6, 845000, 880000),
      ('Denmark', 6, 880000, 905000),
      ('Australia', 7, 905000, 935000),
      ('Japan', 7, 935000, 960000),
      ('South Africa', 8, 960000, 975000),
      ('United Arab Emirates', 8, 975000, 990000)
  ) AS listed(country, region_id, from_dice, below_dice)
),
sized AS (
  SELECT
    account_id,
    on_day,
    dice('country', account_id) AS country_dice,
    dice('industry', account_id) AS industry_dice,
    CASE
      WHEN dice('segment', account_id) < 600000 THEN 'smb'
      WHEN dice('segment', account_id) < 900000 THEN 'mid_market'
      ELSE 'enterprise'
    END AS segment
  FROM dealt
)
SELECT
  account_id::BIGINT AS account_id,
  ('Account ' || account_id)::VARCHAR AS name,
  country::VARCHAR AS country,
  region_id::INTEGER AS region_id,
  segment::VARCHAR AS segment,
  CASE
    WHEN industry_dice < 240000 THEN 'software'
    WHEN industry_dice < 420000 THEN 'retail'
    WHEN industry_dice < 580000 THEN 'manufacturing'
    WHEN industry_dice < 720000 THEN 'financial_services'
    WHEN industry_dice < 840000 THEN 'healthcare'
    WHEN industry_dice < 930000 THEN 'public_sector'
  END::VARCHAR AS industry,
  CASE segment
    WHEN 'smb' THEN 'self_service'
    WHEN 'mid_market' THEN 'growth'
    ELSE 'key_accounts'
  END::VARCHAR AS owner_team,
  on_day::DATE AS created_on
FROM sized
LEFT JOIN countries ON country_dice >= from_dice AND country_dice < below_dice
ORDER BY account_id
