/* People report, page 4: training */
WITH courses AS (
  SELECT date_trunc('quarter', held_on) AS quarter,
         sum(hours)                     AS course_hours,
         count(DISTINCT employee_id)    AS participants
  FROM training
  GROUP BY 1
), staff AS (
  SELECT date_trunc('quarter', snapshot_on) AS quarter,
         count(*) / count(DISTINCT snapshot_on) AS headcount
  FROM headcount_snapshots
  GROUP BY 1
)
SELECT strftime(quarter, '%Y') AS year,
       'Q' || date_part('quarter', quarter) AS quarter_of_year,
       courses.course_hours,
       courses.course_hours / courses.participants AS training_hours_per_employee,
       staff.headcount AS average_headcount,
       courses.participants / staff.headcount AS reach
FROM courses
JOIN staff USING (quarter)
ORDER BY year, quarter_of_year
