{{ config(
    materialized='table',
    partition_by={'field': 'signup_week', 'data_type': 'date'}
) }}

WITH first_reports AS (
  SELECT
    user_id,
    MIN(happened_at) AS first_report_at
  FROM {{ ref('product_events') }}
  WHERE name = 'report_created'
    AND user_id IS NOT NULL
  GROUP BY user_id
),

signups AS (
  SELECT
    u.user_id,
    DATE_TRUNC(DATE(u.signed_up_at), ISOWEEK) AS signup_week,
    DATE_DIFF(DATE(f.first_report_at), DATE(u.signed_up_at), DAY) AS days_to_report
  FROM {{ ref('users') }} AS u
  LEFT JOIN first_reports AS f USING (user_id)
)

SELECT
  signup_week,
  COUNT(user_id) AS signups,
  COUNTIF(days_to_report <= 7) AS activated,
  SAFE_DIVIDE(COUNTIF(days_to_report <= 7), COUNT(*)) AS activation_rate,
  APPROX_QUANTILES(days_to_report, 100)[OFFSET(50)] AS typical_days_to_report
FROM signups
GROUP BY signup_week
