SELECT
  table_name,
  COUNT(*) AS partitions,
  SUM(total_rows) AS row_count,
  ROUND(SUM(total_logical_bytes) / POW(1024, 3), 2) AS gib,
  COUNTIF(total_rows = 0) AS empty_partitions
FROM `acme-prod.core.INFORMATION_SCHEMA.PARTITIONS`
WHERE partition_id NOT IN ('__NULL__', '__UNPARTITIONED__')
GROUP BY table_name
HAVING empty_partitions > 0
