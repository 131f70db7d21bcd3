SELECT o.type,
       SUM(CASE WHEN o.stage = 'won' THEN 1 ELSE 0 END) * 100.0 / COUNT(*) AS win_rate_pct,
       COUNT(*) AS opportunities
FROM opportunities AS o
WHERE o.created_at >= TIMESTAMP '2024-01-01'
GROUP BY o.type
