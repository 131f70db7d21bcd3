CREATE OR REPLACE TABLE shopper_features AS
SELECT visitor_id, max(value) AS largest_cart, quantile_cont(items, 0.9) AS items_p90, bool_or(user_id IS NOT NULL) AS logged_in
FROM carts
GROUP BY visitor_id
