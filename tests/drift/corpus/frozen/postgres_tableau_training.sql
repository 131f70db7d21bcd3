SELECT DATE_TRUNC( 'QUARTER', CAST("training"."held_on" AS TIMESTAMP) ) AS "tqr:held_on:ok",
  SUM("training"."hours") AS "sum:hours:ok",
  AVG("training"."cost") AS "avg:cost:ok",
  COUNT(DISTINCT "training"."course") AS "ctd:course:ok",
  (SUM("training"."hours") / NULLIF(COUNT(DISTINCT "training"."employee_id"), 0)) AS "usr:Hours per Employee:ok"
FROM "public"."training" "training"
  LEFT JOIN "public"."employees" "employees" ON ("training"."employee_id" = "employees"."employee_id")
WHERE (("training"."held_on" >= DATE '2025-01-01') AND ("training"."held_on" <= DATE '2026-06-30'))
  AND ("training"."held_on" IS NOT NULL)
GROUP BY 1
HAVING (COUNT(1) > 0)
