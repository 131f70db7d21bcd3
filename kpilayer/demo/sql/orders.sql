WITH bought AS (
  SELECT
    cart_id,
    visitor_id,
    user_id,
    value,
    dice('order', cart_id) AS draw,
    created_at + to_minutes(2 + skewed('order_lag', cart_id, 2900)) AS ordered_at
  FROM carts
  WHERE items > 0 AND dice('order', cart_id) < 340000
)
SELECT
  row_number() OVER (ORDER BY ordered_at, cart_id)::BIGINT AS order_id,
  cart_id::BIGINT AS cart_id,
  visitor_id::BIGINT AS visitor_id,
  user_id::BIGINT AS user_id,
  ordered_at::TIMESTAMP AS ordered_at,
  (value * CASE WHEN draw % 10 < 2 THEN 0.9 ELSE 1 END)::DECIMAL(12, 2) AS amount,
  CASE
    WHEN draw % 100 < 6 AND ordered_at::DATE + (2 + draw % 25)::INTEGER <= last_day_of_data()
      THEN ordered_at::DATE + (2 + draw % 25)::INTEGER
  END::DATE AS returned_on
FROM bought
WHERE ordered_at < end_of_data()
ORDER BY order_id
