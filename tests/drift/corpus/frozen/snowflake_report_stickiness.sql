WITH active_days AS (
    SELECT DISTINCT user_id, happened_at::DATE AS active_on
    FROM core.product_events
    WHERE user_id IS NOT NULL
),
daily AS (
    SELECT active_on, COUNT(*) AS dau
    FROM active_days
    GROUP BY active_on
),
monthly AS (
    SELECT DATE_TRUNC('month', active_on) AS month, COUNT(DISTINCT user_id) AS mau
    FROM active_days
    GROUP BY 1
),
back AS (
    SELECT user_id, active_on
    FROM active_days
    QUALIFY DATEDIFF('day', LAG(active_on) OVER (PARTITION BY user_id ORDER BY active_on), active_on) > 28
)
SELECT m.month,
       AVG(d.dau)              AS avg_dau,
       AVG(d.dau) / MAX(m.mau) AS dau_mau,
       (SELECT COUNT(DISTINCT b.user_id) FROM back b WHERE DATE_TRUNC('month', b.active_on) = m.month) AS came_back
FROM monthly m
JOIN daily d ON DATE_TRUNC('month', d.active_on) = m.month
GROUP BY m.month
ORDER BY m.month
