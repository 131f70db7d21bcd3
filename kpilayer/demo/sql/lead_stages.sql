WITH qualified AS (
  SELECT
    lead_id,
    created_at,
    CASE
      WHEN dice('mql', lead_id) < CASE WHEN account_id IS NULL THEN 290000 ELSE 880000 END
        THEN created_at + to_minutes(35 + skewed('mql_lag', lead_id, 79000))
    END AS mql_at
  FROM leads
),
accepted AS (
  SELECT
    *,
    CASE
      WHEN dice('sql', lead_id) < 520000
        THEN mql_at + to_minutes(60 + skewed('sql_lag', lead_id, 36000))
    END AS sql_at
  FROM qualified
),
entered AS (
  SELECT lead_id, 1 AS rank, 'lead' AS stage, created_at AS entered_at
  FROM accepted
  UNION ALL
  SELECT lead_id, 2, 'mql', mql_at
  FROM accepted
  UNION ALL
  SELECT lead_id, 3, 'sql', sql_at
  FROM accepted
)
SELECT
  row_number() OVER (ORDER BY entered_at, lead_id, rank)::BIGINT AS lead_stage_id,
  lead_id::BIGINT AS lead_id,
  stage::VARCHAR AS stage,
  entered_at::TIMESTAMP AS entered_at
FROM entered
WHERE entered_at < end_of_data()
ORDER BY lead_stage_id
