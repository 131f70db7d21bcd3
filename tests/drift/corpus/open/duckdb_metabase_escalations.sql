SELECT
  DATE_TRUNC('month', "main"."tickets"."opened_at") AS "opened_at",
  CAST(
    SUM(
      CASE
        WHEN "main"."tickets"."escalated_at" IS NOT NULL THEN 1
        ELSE 0.0
      END
    ) AS DOUBLE
  ) / NULLIF(CAST(COUNT(*) AS DOUBLE), 0.0) AS "Escalated",
  CAST(
    SUM(
      CASE
        WHEN ("main"."tickets"."resolved_at" IS NOT NULL)
        AND ("Answers"."count" = 1) THEN 1
        ELSE 0.0
      END
    ) AS DOUBLE
  ) / NULLIF(CAST(COUNT("main"."tickets"."resolved_at") AS DOUBLE), 0.0) AS "Solved at first contact"
FROM
  "main"."tickets"
  LEFT JOIN (
    SELECT
      "main"."ticket_contacts"."ticket_id" AS "ticket_id",
      COUNT(*) AS "count"
    FROM
      "main"."ticket_contacts"
    WHERE
      "main"."ticket_contacts"."direction" = 'to_customer'
    GROUP BY
      "main"."ticket_contacts"."ticket_id"
  ) AS "Answers" ON "main"."tickets"."ticket_id" = "Answers"."ticket_id"
GROUP BY
  DATE_TRUNC('month', "main"."tickets"."opened_at")
ORDER BY
  DATE_TRUNC('month', "main"."tickets"."opened_at") ASC
