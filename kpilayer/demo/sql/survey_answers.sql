-- NPS from 0 to 10, CSAT from 1 to 5, engagement from 1 to 10.
WITH answered AS (
  SELECT
    survey_id,
    type,
    sent_at::DATE - first_day() AS age,
    dice('score', survey_id) AS draw,
    coalesce(datediff('hour', opened_at, resolved_at), 0) AS hours,
    sent_at + to_minutes(4 + skewed('answers_at', survey_id, 11000)) AS answered_at
  FROM surveys
  LEFT JOIN tickets USING (ticket_id)
  WHERE
    dice('answers', survey_id)
    < CASE type WHEN 'nps' THEN 340000 WHEN 'csat' THEN 310000 ELSE 830000 END
)
SELECT
  row_number() OVER (ORDER BY answered_at, survey_id)::BIGINT AS answer_id,
  survey_id::BIGINT AS survey_id,
  type::VARCHAR AS type,
  CASE type
    WHEN 'nps'
      THEN CASE
        WHEN draw < 440000 + age * 60 THEN 9 + draw % 2
        WHEN draw < 800000 + age * 30 THEN 7 + draw % 2
        ELSE draw % 7
      END
    WHEN 'csat'
      THEN CASE
        WHEN draw + least(hours, 300) * 800 < 480000 THEN 5
        WHEN draw + least(hours, 300) * 800 < 810000 THEN 4
        ELSE 1 + draw % 3
      END
    ELSE least(10, 5 + draw % 4 + dice('mood', survey_id // 7) % 3)
  END::INTEGER AS score,
  answered_at::TIMESTAMP AS answered_at,
  loaded('answer_late', survey_id, answered_at)::TIMESTAMP AS loaded_at
FROM answered
WHERE answered_at < end_of_data()
ORDER BY answer_id
