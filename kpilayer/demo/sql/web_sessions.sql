-- People who come back keep their visitor; people who log in are known.
WITH known AS (
  SELECT on_day, count(user_id) AS users_then
  FROM calendar()
  LEFT JOIN (SELECT user_id, signed_up_at::DATE AS joined_on FROM users) AS people
    ON joined_on < on_day
  GROUP BY on_day
),
drawn AS (
  SELECT
    number,
    on_day,
    users_then,
    dice('web_channel', number) AS channel_dice,
    dice('web_visitor', number) AS visitor_dice,
    dice('web_pages', number) AS pages_dice
  FROM spread(scaled(62000))
  INNER JOIN known USING (on_day)
),
channelled AS (
  SELECT
    *,
    CASE
      WHEN channel_dice < 240000 THEN 'organic'
      WHEN channel_dice < 460000 THEN 'search'
      WHEN channel_dice < 610000 THEN 'direct'
      WHEN channel_dice < 760000 THEN 'social'
      WHEN channel_dice < 840000 THEN 'content'
      WHEN channel_dice < 900000 THEN 'email'
      WHEN channel_dice < 950000 THEN 'referral'
      ELSE 'partners'
    END AS channel,
    on_day + to_seconds(23400 + dice('web_time', number) % 57600) AS started_at,
    CASE
      WHEN pages_dice < 470000 THEN 1
      ELSE 2 + (pages_dice - 470000) * (pages_dice - 470000) // 28000000000
    END AS pages
  FROM drawn
)
SELECT
  number::BIGINT AS session_id,
  CASE
    WHEN visitor_dice < 620000 THEN number
    ELSE greatest(1, number - 1 - visitor_dice % scaled(5000))
  END::BIGINT AS visitor_id,
  CASE
    WHEN channel IN ('direct', 'email') AND users_then > 0 AND visitor_dice % 10 < 3
      THEN 1 + dice('web_user', number) % users_then
  END::BIGINT AS user_id,
  channel::VARCHAR AS channel,
  ['/', '/pricing', '/product', '/blog', '/demo'][1 + pages_dice % 5]::VARCHAR AS landing_page,
  CASE WHEN visitor_dice % 100 < 64 THEN 'desktop' ELSE 'mobile' END::VARCHAR AS device,
  pages::INTEGER AS pages,
  CASE WHEN pages > 1 THEN pages * (12 + visitor_dice % 80) END::INTEGER AS seconds,
  started_at::TIMESTAMP AS started_at,
  loaded('web_late', number, started_at)::TIMESTAMP AS loaded_at
FROM channelled
ORDER BY session_id
