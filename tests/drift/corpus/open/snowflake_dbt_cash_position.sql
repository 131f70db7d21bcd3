{{ config(materialized='table', schema='finance', tags=['treasury']) }}

WITH balances AS (
    SELECT
        LAST_DAY(ON_DAY) AS MONTH_END,
        BANK_ACCOUNT,
        CLOSING
    FROM {{ source('CORE', 'CASH_BALANCES') }}
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY BANK_ACCOUNT, LAST_DAY(ON_DAY) ORDER BY ON_DAY DESC
    ) = 1
),

cash AS (
    SELECT MONTH_END, SUM(CLOSING) AS CASH
    FROM balances
    GROUP BY MONTH_END
),

flows AS (
    SELECT
        LAST_DAY(BOOKED_ON) AS MONTH_END,
        SUM(IFF(DIRECTION = 'out', AMOUNT, -AMOUNT)) AS NET_BURN,
        SUM(IFF(DIRECTION = 'out', AMOUNT, 0)) AS OUTFLOW
    FROM {{ source('CORE', 'CASH_MOVEMENTS') }}
    GROUP BY 1
),

smoothed AS (
    SELECT
        MONTH_END,
        NET_BURN,
        AVG(OUTFLOW) OVER (
            ORDER BY MONTH_END ROWS BETWEEN 2 PRECEDING AND CURRENT ROW
        ) AS OUTFLOW_3M
    FROM flows
)

SELECT
    c.MONTH_END,
    c.CASH                              AS CASH_AT_BANK,
    s.NET_BURN                          AS NET_BURN,
    DIV0NULL(c.CASH, s.OUTFLOW_3M)      AS RUNWAY_MONTHS
FROM cash AS c
LEFT JOIN smoothed AS s ON s.MONTH_END = c.MONTH_END
