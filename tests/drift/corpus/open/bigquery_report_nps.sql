SELECT
  DATE_TRUNC(DATE(answered_at), QUARTER) AS quarter,
  100 * (COUNTIF(score >= 9) - COUNTIF(score <= 6)) / COUNT(*) AS nps,
  COUNT(*) AS answers,
  AVG(score) AS average_score
FROM core.survey_answers
WHERE type = 'nps'
GROUP BY quarter
