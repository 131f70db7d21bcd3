SELECT
  deeds.user_id,
  CAST(deeds.happened_at AS DATE) AS active_on,
  LAG(CAST(deeds.happened_at AS DATE))
    OVER (PARTITION BY deeds.user_id ORDER BY CAST(deeds.happened_at AS DATE))
    AS previous_active_on
FROM {{ ref('product_events') }} AS deeds
WHERE deeds.user_id IS NOT NULL
GROUP BY deeds.user_id, CAST(deeds.happened_at AS DATE)
