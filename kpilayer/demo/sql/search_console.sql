-- Searches without a name are those that the search engine keeps to itself.
WITH queries AS (
  SELECT *
  FROM (
    VALUES
      (1, 'acme cloud', 160, 30, 11),
      (2, 'acme cloud login', 120, 45, 10),
      (3, 'acme cloud pricing', 40, 25, 12),
      (4, 'acme reports', 25, 28, 14),
      (5, 'reporting software', 420, 2, 78),
      (6, 'dashboard tool', 380, 1, 94),
      (7, 'kpi software', 210, 3, 61),
      (8, 'automated reports', 170, 4, 55),
      (9, 'client reporting', 140, 3, 66),
      (10, 'spreadsheet alternative', 260, 1, 120),
      (11, NULL, 300, 2, 83)
  ) AS listed(number, query, searched, clicked, ranked)
),
seen AS (
  SELECT
    on_day,
    number,
    query,
    clicked,
    ranked,
    age * 100 + number AS draw,
    scaled(
      searched
      * (700 + age)
      * [104, 106, 110, 104, 100, 96, 84, 80, 108, 110, 108, 82][month_number]
      * CASE WHEN weekday <= 5 THEN 10 ELSE 4 END
      * (85 + dice('searched', age * 100 + number) % 31)
      // 100000000
    ) AS impressions
  FROM calendar()
  CROSS JOIN queries
)
SELECT
  row_number() OVER (ORDER BY on_day, number)::BIGINT AS search_id,
  on_day::DATE AS searched_on,
  query::VARCHAR AS query,
  impressions::BIGINT AS impressions,
  (impressions * (clicked * 100 + dice('clicked', draw) % (clicked * 40)) // 12000)::BIGINT
    AS clicks,
  (0.1 * (ranked + dice('ranked', draw) % 9))::DECIMAL(6, 1) AS position
FROM seen
ORDER BY search_id
