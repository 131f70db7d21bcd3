-- Activation by sign-up cohort
WITH first_report AS (
  SELECT user_id, MIN(happened_at) AS first_report_at
  FROM `acme-prod.product.product_events`
  WHERE name = 'report_created'
  GROUP BY user_id
),
cohort AS (
  SELECT
    u.user_id,
    DATE_TRUNC(DATE(u.signed_up_at), MONTH) AS cohort_month,
    DATE_DIFF(DATE(f.first_report_at), DATE(u.signed_up_at), DAY) AS days_to_report
  FROM `acme-prod.product.users` AS u
  LEFT JOIN first_report AS f ON f.user_id = u.user_id
)
SELECT
  cohort_month,
  COUNTIF(days_to_report <= 7) / COUNT(user_id) AS activation_rate,
  AVG(days_to_report) AS time_to_value_days
FROM cohort
GROUP BY cohort_month
ORDER BY cohort_month
