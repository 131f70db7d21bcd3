WITH teams AS (
  SELECT *
  FROM (
    VALUES (1, 'platform'), (2, 'reports'), (3, 'integrations'), (4, 'mobile'), (5, 'data')
  ) AS listed(rank, team)
)
SELECT
  row_number() OVER (ORDER BY turn, rank)::BIGINT AS sprint_id,
  team::VARCHAR AS team,
  (first_day() + (turn * 14)::INTEGER)::DATE AS started_on,
  (first_day() + (turn * 14 + 11)::INTEGER)::DATE AS ended_on
FROM range(65) AS turns(turn)
CROSS JOIN teams
ORDER BY sprint_id
