WITH last_snapshot AS (
    SELECT MAX(SNAPSHOT_ON) AS SNAPSHOT_ON
    FROM {{ ref('subscription_snapshots') }}
    WHERE SNAPSHOT_ON <= '2024-12-31'
)
SELECT P.TIER, SUM(S.MRR) AS MRR, SUM(S.MRR) * 12 AS ARR
FROM {{ ref('subscription_snapshots') }} AS S
INNER JOIN last_snapshot AS L ON L.SNAPSHOT_ON = S.SNAPSHOT_ON
INNER JOIN {{ ref('plans') }} AS P ON P.PLAN_ID = S.PLAN_ID
WHERE P.FEE_TYPE = 'recurring'
GROUP BY P.TIER
