-- Metabase:: userID: 40 queryType: native queryHash: 5d02b8
SELECT
  EXTRACT(YEAR FROM t.held_on)::int AS year,
  SUM(t.hours) AS hours,
  SUM(t.hours) / COUNT(DISTINCT t.employee_id) AS hours_per_employee,
  SUM(t.cost) AS cost
FROM "public"."training" t
LEFT JOIN "public"."employees" e ON e.employee_id = t.employee_id
GROUP BY 1
ORDER BY 1
