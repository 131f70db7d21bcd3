WITH visits AS (
  SELECT started_at::DATE AS on_day, min(session_id) AS first_session, count(*) AS sessions
  FROM web_sessions
  GROUP BY started_at::DATE
),
filled AS (
  SELECT
    number,
    first_session + dice('cart_session', number) % sessions AS session_id,
    CASE WHEN dice('cart_items', number) < 110000 THEN 0 ELSE 1 + skewed('items', number, 5) END
      AS items
  FROM spread(scaled(5200))
  INNER JOIN visits USING (on_day)
)
SELECT
  number::BIGINT AS cart_id,
  visitor_id::BIGINT AS visitor_id,
  user_id::BIGINT AS user_id,
  items::INTEGER AS items,
  (items * (40 + dice('item_price', number) % 260))::DECIMAL(12, 2) AS value,
  (started_at + to_seconds(90 + dice('cart_time', number) % 1500))::TIMESTAMP AS created_at
FROM filled
INNER JOIN web_sessions USING (session_id)
ORDER BY cart_id
