SELECT `opportunity_snapshots`.`type` AS `type`,
  DATE_TRUNC(`opportunity_snapshots`.`snapshot_on`, QUARTER) AS `tqr_snapshot_on_ok`,
  SUM(`opportunity_snapshots`.`amount`) AS `sum_amount_ok`,
  MAX(`opportunity_snapshots`.`amount`) AS `max_amount_ok`
FROM `acme-prod.core.opportunity_snapshots` `opportunity_snapshots`
GROUP BY 1, 2
