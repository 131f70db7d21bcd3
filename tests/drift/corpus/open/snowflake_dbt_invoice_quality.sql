{{ config(materialized='view', transient=true) }}

SELECT
    DATE_TRUNC('MONTH', ISSUED_AT)                                        AS INVOICE_MONTH,
    COUNT_IF(AMOUNT >= 0)                                                 AS INVOICES,
    COUNT_IF(STATUS = 'void' AND AMOUNT >= 0) / NULLIF(COUNT_IF(AMOUNT >= 0), 0) AS VOID_SHARE,
    COUNT_IF(STATUS = 'void') / NULLIF(COUNT(*), 0)                       AS VOID_SHARE_OF_DOCUMENTS
FROM {{ source('CORE', 'INVOICES') }}
GROUP BY 1
