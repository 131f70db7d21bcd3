CREATE OR REPLACE TABLE features.items AS
SELECT item_id, COUNT(defect_id) AS defects, MIN(severity) AS worst, LOGICAL_OR(is_escaped) AS escaped
FROM core.defects
WHERE item_id IS NOT NULL
GROUP BY item_id
