SELECT date_trunc('week', signed_up_at) AS __timestamp,
       role AS role,
       COUNT(*) AS count,
       COUNT(DISTINCT account_id) AS "COUNT_DISTINCT(account_id)"
FROM main.users
WHERE signed_up_at >= '2026-01-01 00:00:00.000000'
  AND signed_up_at < '2026-07-01 00:00:00.000000'
GROUP BY date_trunc('week', signed_up_at),
         role
ORDER BY count DESC
LIMIT 50000
