SELECT
    'leads.email' AS tested,
    COUNT_IF(email IS NULL) AS missing,
    COUNT_IF(NOT REGEXP_LIKE(email, '[^@]+@[^@]+\\.[a-z]+', 'i')) AS malformed,
    COUNT_IF(email <> TRIM(email)) AS padded,
    MAX(LENGTH(email)) AS longest
FROM raw.leads
