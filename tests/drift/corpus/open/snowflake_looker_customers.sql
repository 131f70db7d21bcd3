SELECT
    accounts.SEGMENT  AS "accounts.segment",
    COUNT(DISTINCT CASE WHEN mrr_movements.TYPE IN ('churn', 'contraction') THEN mrr_movements.ACCOUNT_ID END) AS "mrr_movements.churned_customers",
    COUNT(CASE WHEN mrr_movements.TYPE = 'new' THEN 1 END) AS "mrr_movements.new_customers",
    COALESCE(SUM(CASE WHEN mrr_movements.TYPE IN ('new', 'expansion') THEN mrr_movements.DELTA END), 0) AS "mrr_movements.new_mrr",
    -1 * SUM(CASE WHEN mrr_movements.TYPE IN ('churn', 'contraction') THEN mrr_movements.DELTA END) AS "mrr_movements.churned_mrr"
FROM CORE.MRR_MOVEMENTS AS mrr_movements
LEFT JOIN CORE.ACCOUNTS AS accounts ON accounts.ACCOUNT_ID = mrr_movements.ACCOUNT_ID
GROUP BY
    1
