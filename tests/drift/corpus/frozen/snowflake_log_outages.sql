-- query_id 01b7c2e4-0604-5f1d  warehouse REPORTING_WH  role ENG_READ  tag: ops-weekly
SELECT quarter,
       SUM(hours_down)  AS outage_hours,
       SUM(restored)    AS incidents_over,
       AVG(mean_hours)  AS mttr,
       MAX(longest)     AS longest_hours
FROM (
    SELECT DATE_TRUNC('QUARTER', started_at)                          AS quarter,
           team,
           SUM(TIMESTAMPDIFF(SECOND, started_at, restored_at)) / 3600 AS hours_down,
           COUNT(restored_at)                                         AS restored,
           AVG(TIMESTAMPDIFF(SECOND, started_at, restored_at)) / 3600 AS mean_hours,
           MAX(TIMESTAMPDIFF(SECOND, started_at, restored_at)) / 3600 AS longest
    FROM core.incidents
    WHERE started_at >= '2025-01-01'::TIMESTAMP_NTZ
    GROUP BY 1, 2
)
GROUP BY quarter
ORDER BY quarter;
