SELECT
    marketing_spend.CHANNEL  AS "marketing_spend.channel",
    COALESCE(SUM(marketing_spend.AMOUNT ), 0) AS "marketing_spend.total_amount",
    COALESCE(SUM(CASE WHEN marketing_spend.CAMPAIGN IS NULL THEN marketing_spend.AMOUNT END), 0) / NULLIF(SUM(marketing_spend.AMOUNT), 0) AS "marketing_spend.unassigned_share"
FROM CORE.MARKETING_SPEND  AS marketing_spend
WHERE YEAR(marketing_spend.SPENT_ON) = 2024
GROUP BY
    1
ORDER BY
    2 DESC
FETCH NEXT 500 ROWS ONLY
