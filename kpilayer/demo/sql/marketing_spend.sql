WITH weighted AS (
  SELECT
    on_day,
    (500 + age)
      * [105, 105, 110, 105, 100, 95, 75, 75, 120, 115, 110, 70][month_number]
      * CASE WHEN weekday <= 5 THEN 10 ELSE 5 END AS weight
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
    unnest(range(scaled(6000) * (upto - weight) // total, scaled(6000) * upto // total)) + 1
      AS spend_id
  FROM cumulated
),
channelled AS (
  SELECT
    spend_id,
    on_day,
    CASE
      WHEN dice('channel', spend_id) < 360000 THEN 'search'
      WHEN dice('channel', spend_id) < 620000 THEN 'social'
      WHEN dice('channel', spend_id) < 690000 THEN 'events'
      WHEN dice('channel', spend_id) < 860000 THEN 'content'
      ELSE 'partners'
    END AS channel,
    dice('spend', spend_id) AS spend_dice
  FROM dealt
)
SELECT
  spend_id::BIGINT AS spend_id,
  on_day::DATE AS spent_on,
  channel::VARCHAR AS channel,
  CASE
    WHEN dice('campaign', spend_id) < 150000 THEN NULL
    WHEN channel = 'partners' THEN 'partner_week'
    WHEN channel = 'content' THEN 'webinar_series'
    WHEN dice('campaign', spend_id) < 400000 THEN 'brand'
    WHEN dice('campaign', spend_id) < 650000 AND month(on_day) IN (3, 4, 5) THEN 'spring_launch'
    ELSE 'always_on'
  END::VARCHAR AS campaign,
  (
    0.01
    * CASE channel
      WHEN 'search' THEN 6000 + spend_dice % 44001
      WHEN 'social' THEN 4000 + spend_dice % 31001
      WHEN 'events' THEN 150000 + spend_dice % 450001
      WHEN 'content' THEN 15000 + spend_dice % 75001
      ELSE 20000 + spend_dice % 100001
    END
    * CASE WHEN dice('refund', spend_id) < 4000 THEN -1 ELSE 1 END
  )::DECIMAL(14, 2) AS amount
FROM channelled
ORDER BY spend_id
