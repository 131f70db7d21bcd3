-- What growth costs, by quarter (marketing review)
WITH spend AS (
    SELECT DATE_TRUNC('quarter', spent_on) AS quarter, SUM(amount) AS spend
    FROM core.marketing_spend
    GROUP BY ALL
),
won AS (
    SELECT DATE_TRUNC('quarter', moved_on) AS quarter,
           SUM(IFF(type = 'new', delta, 0)) AS new_mrr,
           MEDIAN(CASE WHEN type = 'new' THEN delta END) AS start_price,
           SUM(IFF(delta > 0, delta, 0)) AS gained_mrr
    FROM core.mrr_movements
    GROUP BY ALL
)
SELECT s.quarter,
       12 * w.new_mrr / s.spend              AS return_on_spend,
       s.spend / NULLIF(w.gained_mrr, 0)     AS spend_per_new_mrr,
       w.start_price                         AS first_price
FROM spend s
LEFT JOIN won w USING (quarter)
ORDER BY s.quarter;
