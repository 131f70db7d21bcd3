SELECT "opportunity_snapshots"."stage" AS "stage",
  CAST(DATE_TRUNC( 'MONTH', CAST("opportunity_snapshots"."snapshot_on" AS TIMESTAMP WITHOUT TIME ZONE) ) AS DATE) AS "tmn:snapshot_on:ok",
  SUM("opportunity_snapshots"."amount") AS "sum:amount:ok",
  COUNT(DISTINCT "opportunity_snapshots"."opportunity_id") AS "ctd:opportunity_id:ok"
FROM "public"."opportunity_snapshots" "opportunity_snapshots"
WHERE (("opportunity_snapshots"."snapshot_on" >= (DATE '2025-01-01')) AND ("opportunity_snapshots"."snapshot_on" <= (DATE '2026-06-30')))
GROUP BY 1,
  2
