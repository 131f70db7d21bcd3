SELECT DATETIME_TRUNC(`happened_at`, MONTH) AS `__timestamp`,
       COUNT(DISTINCT `user_id`) AS `Active Users`,
       COUNT(DISTINCT CASE WHEN `name` = 'export' THEN `user_id` END) AS `Exporting Users`,
       COUNT(*) / COUNT(DISTINCT `user_id`) AS `Events per User`,
       COUNTIF(`name` = 'export') / COUNT(*) AS `Export Adoption`
FROM `core`.`product_events`
WHERE `happened_at` >= CAST('2025-07-01T00:00:00' AS DATETIME)
  AND `happened_at` < CAST('2026-07-01T00:00:00' AS DATETIME)
GROUP BY `__timestamp`
ORDER BY `Active Users` DESC
LIMIT 50000
