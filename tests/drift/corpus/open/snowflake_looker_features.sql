-- use existing features_by_user in LOOKER_SCRATCH.LR$6XQ81699
WITH monthly_feature_use AS (SELECT
        DATE_TRUNC('month', happened_at) AS month,
        user_id,
        MAX(IFF(feature = 'automation', 1, 0)) AS used_automation,
        COUNT(*) AS uses
      FROM product.feature_events
      GROUP BY 1, 2 )
SELECT
    monthly_feature_use.month AS "monthly_feature_use.month",
    COUNT(DISTINCT monthly_feature_use.user_id ) AS "monthly_feature_use.users",
    COALESCE(SUM(monthly_feature_use.used_automation ), 0) AS "monthly_feature_use.automation_users",
    1.0 * COALESCE(SUM(monthly_feature_use.used_automation ), 0) / NULLIF(COUNT(DISTINCT monthly_feature_use.user_id ), 0) AS "monthly_feature_use.automation_adoption"
FROM monthly_feature_use
GROUP BY 1
ORDER BY 1
LIMIT 500
