WITH scored AS (
  SELECT answered_at, CASE WHEN score >= 9 THEN 100 WHEN score <= 6 THEN -100 ELSE 0 END AS points
  FROM core.survey_answers
)
SELECT EXTRACT(YEAR FROM answered_at) AS year, AVG(points) AS nps
FROM scored
GROUP BY year
