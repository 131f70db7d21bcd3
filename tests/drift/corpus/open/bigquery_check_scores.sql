SELECT type, MIN(score) AS lowest, MAX(score) AS highest, COUNTIF(score IS NULL) AS missing
FROM core.survey_answers
GROUP BY type
HAVING lowest < 0 OR highest > 10 OR missing > 0
