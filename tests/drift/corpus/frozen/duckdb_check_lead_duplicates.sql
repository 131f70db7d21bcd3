SELECT
  lower(email) AS email,
  count(*) AS n,
  list(DISTINCT channel) AS channels,
  max(created_at) - min(created_at) AS apart
FROM leads
WHERE email IS NOT NULL
GROUP BY lower(email)
HAVING count(*) > 1
ORDER BY n DESC
