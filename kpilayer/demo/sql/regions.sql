SELECT
  region_id::INTEGER AS region_id,
  name::VARCHAR AS name,
  currency_zone::VARCHAR AS currency_zone
FROM (
  VALUES
    (1, 'North America', 'USD'),
    (2, 'Latin America', 'USD'),
    (3, 'UK and Ireland', 'GBP'),
    (4, 'Central Europe', 'EUR'),
    (5, 'Southern Europe', 'EUR'),
    (6, 'Nordics', 'EUR'),
    (7, 'Asia Pacific', 'USD'),
    (8, 'Middle East and Africa', 'USD')
) AS listed(region_id, name, currency_zone)
ORDER BY region_id
