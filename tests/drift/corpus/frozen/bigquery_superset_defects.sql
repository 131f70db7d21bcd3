SELECT DATE_TRUNC(`day`, MONTH) AS `__timestamp`,
       SUM(`defects`) AS `Defects`,
       SUM(`defects`) / SUM(`items`) AS `Defect Rate`
FROM
  (SELECT COALESCE(d.day, i.day) AS day,
          IFNULL(d.n, 0) AS defects,
          IFNULL(i.n, 0) AS items
   FROM
     (SELECT DATE(found_at) AS day, COUNT(*) AS n FROM engineering.defects GROUP BY 1) AS d
   FULL JOIN
     (SELECT DATE(created_at) AS day, COUNT(*) AS n FROM engineering.work_items WHERE done_at IS NOT NULL GROUP BY 1) AS i
   ON i.day = d.day) AS `virtual_table`
GROUP BY `__timestamp`
ORDER BY `__timestamp` ASC
LIMIT 10000
