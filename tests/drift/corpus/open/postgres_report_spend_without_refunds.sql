SELECT channel,
       SUM(amount) FILTER (WHERE amount > 0) AS spend,
       MAX(amount) AS largest_posting
FROM marketing_spend
WHERE spent_on BETWEEN '2024-01-01' AND '2024-12-31'
GROUP BY channel
