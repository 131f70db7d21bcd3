SELECT channel, COUNT(DISTINCT email) AS f0_ FROM core.leads WHERE DATE(created_at) BETWEEN '2024-01-01' AND '2024-03-31' GROUP BY channel
