-- did it pay off? quick look for the planning offsite
FROM initiatives
SELECT area,
       count(*)                             AS n,
       sum(gain)                            AS brought,
       sum("cost")                          AS spent,
       (sum(gain) - sum("cost")) / sum("cost") AS roi
GROUP BY ALL
ORDER BY roi DESC
