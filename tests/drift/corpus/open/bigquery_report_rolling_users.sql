-- Weekly product review, slide 3: trailing actives, one row per day
WITH spine AS (
  SELECT day
  FROM UNNEST(GENERATE_DATE_ARRAY(DATE '2026-03-01', DATE '2026-05-31', INTERVAL 1 DAY)) AS day
),
seen AS (
  SELECT DISTINCT DATE(happened_at) AS active_on, user_id
  FROM `acme-prod.core.product_events`
  WHERE user_id IS NOT NULL
)
SELECT
  spine.day,
  COUNT(DISTINCT IF(seen.active_on > DATE_SUB(spine.day, INTERVAL 7 DAY), seen.user_id, NULL)) AS wau,
  COUNT(DISTINCT seen.user_id) AS mau
FROM spine
LEFT JOIN seen
  ON seen.active_on BETWEEN DATE_SUB(spine.day, INTERVAL 30 DAY) AND spine.day
GROUP BY spine.day
ORDER BY spine.day
