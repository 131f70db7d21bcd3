SELECT `headcount_snapshots`.`department` AS `department`,
  DATE_TRUNC(`headcount_snapshots`.`snapshot_on`, YEAR) AS `tyr_snapshot_on_ok`,
  SUM(`headcount_snapshots`.`fte`) AS `sum_fte_ok`,
  COUNT(`headcount_snapshots`.`employee_id`) AS `cnt_employee_id_ok`
FROM `acme-prod.core.headcount_snapshots` `headcount_snapshots`
GROUP BY 1, 2
