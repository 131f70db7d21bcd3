{{
    config(
        materialized = 'incremental',
        unique_key = 'month_start',
        cluster_by = ['month_start']
    )
}}

WITH impressions AS (
    SELECT
        DATE_TRUNC('MONTH', SEARCHED_ON)                       AS MONTH_START,
        SUM(IMPRESSIONS)                                       AS SEARCH_IMPRESSIONS,
        SUM(IFF(QUERY LIKE '%acme%', IMPRESSIONS, 0))          AS BRAND_IMPRESSIONS
    FROM {{ source('google', 'search_console') }}
    GROUP BY 1
),

visits AS (
    SELECT
        DATE_TRUNC('MONTH', STARTED_AT)                        AS MONTH_START,
        -- everything that comes from a search engine
        COUNT_IF(CHANNEL IN ('organic', 'search'))             AS ORGANIC_TRAFFIC
    FROM {{ ref('web_sessions') }}
    GROUP BY 1
)

SELECT
    COALESCE(i.MONTH_START, v.MONTH_START)::DATE AS MONTH_START,
    i.SEARCH_IMPRESSIONS,
    i.BRAND_IMPRESSIONS,
    v.ORGANIC_TRAFFIC
FROM impressions i
FULL OUTER JOIN visits v ON v.MONTH_START = i.MONTH_START
{% if is_incremental() %}
WHERE COALESCE(i.MONTH_START, v.MONTH_START) >= DATEADD('MONTH', -2, (SELECT MAX(MONTH_START) FROM {{ this }}))
{% endif %}
