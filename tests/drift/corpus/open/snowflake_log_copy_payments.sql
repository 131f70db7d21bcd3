INSERT INTO audit.load_lag (table_name, loaded_day, min_lag_hours, p95_lag_hours, last_id)
SELECT
    'payments',
    loaded_at::DATE AS loaded_day,
    MIN(TIMESTAMPDIFF('hour', paid_on::TIMESTAMP_NTZ, loaded_at)) AS min_lag_hours,
    PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY TIMESTAMPDIFF('hour', paid_on::TIMESTAMP_NTZ, loaded_at)) AS p95_lag_hours,
    MAX(payment_id) AS last_id
FROM core.payments
WHERE loaded_at >= DATEADD('day', -1, CURRENT_DATE)
GROUP BY 2
