-- Looker Query Context '{"user_id":8,"history_slug":"77d1","instance_slug":"a41c"}'
WITH users_of_feature AS (
  SELECT DATE_TRUNC('month', happened_at)::date AS month, feature, user_id
  FROM public.feature_events
  GROUP BY 1, 2, 3
)
SELECT
    users_of_feature.month AS "feature_events.month",
    COUNT(DISTINCT CASE WHEN users_of_feature.feature = 'automation' THEN users_of_feature.user_id ELSE NULL END) AS "feature_events.automation_users",
    COUNT(DISTINCT CASE WHEN users_of_feature.feature = 'automation' THEN users_of_feature.user_id ELSE NULL END)::numeric
      / NULLIF(COUNT(DISTINCT users_of_feature.user_id), 0) AS "feature_events.adoption"
FROM users_of_feature
GROUP BY
    1
ORDER BY
    1 DESC
LIMIT 500
