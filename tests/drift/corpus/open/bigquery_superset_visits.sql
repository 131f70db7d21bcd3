SELECT TIMESTAMP_TRUNC(`started_at`, MONTH) AS `__timestamp`,
       `device` AS `device`,
       APPROX_COUNT_DISTINCT(`visitor_id`) AS `Unique Visitors`,
       AVG(CAST(`pages` = 1 AS INT64)) AS `Bounce Rate`,
       AVG(`seconds`) AS `Seconds per Visit`
FROM `core`.`web_sessions`
WHERE `channel` = 'organic'
GROUP BY `device`,
         `__timestamp`
ORDER BY `__timestamp` ASC
LIMIT 10000
