SELECT DATE_TRUNC('week', "source"."opened_at") AS "opened_at",
       MEDIAN("source"."hours") AS "median",
       AVG("source"."hours") AS "avg"
FROM (
  SELECT "main"."tickets"."opened_at" AS "opened_at",
         DATE_DIFF('minute', "main"."tickets"."opened_at", "main"."tickets"."resolved_at") / 60.0 AS "hours"
  FROM "main"."tickets"
) AS "source"
GROUP BY DATE_TRUNC('week', "source"."opened_at")
ORDER BY 1 ASC
