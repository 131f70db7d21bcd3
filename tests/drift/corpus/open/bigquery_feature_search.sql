CREATE OR REPLACE TABLE features.search_terms AS
SELECT query, SAFE_DIVIDE(SUM(clicks), SUM(impressions)) AS click_rate, APPROX_QUANTILES(position, 2)[OFFSET(1)] AS position_median
FROM core.search_console
GROUP BY query
