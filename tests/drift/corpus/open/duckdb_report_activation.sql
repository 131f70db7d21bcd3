WITH firsts AS (
  SELECT
    u.user_id,
    u.signed_up_at,
    min(e.happened_at) FILTER (WHERE e.name = 'report_created') AS first_report_at
  FROM users u
  LEFT JOIN product_events e USING (user_id)
  GROUP BY ALL
)
SELECT
  date_trunc('month', signed_up_at) AS cohort,
  count(*) FILTER (WHERE first_report_at <= signed_up_at + INTERVAL 14 DAY) AS activated,
  avg(CASE WHEN first_report_at <= signed_up_at + INTERVAL 14 DAY THEN 1.0 ELSE 0 END) AS activation_rate,
  median(date_diff('day', signed_up_at, first_report_at)) AS days_to_first_report
FROM firsts
GROUP BY cohort
ORDER BY cohort
