SELECT
  product_id::INTEGER AS product_id,
  name::VARCHAR AS name,
  family::VARCHAR AS family,
  launched_on::DATE AS launched_on
FROM (
  VALUES
    (1, 'Starter', 'software', DATE '2021-02-01'),
    (2, 'Team', 'software', DATE '2021-02-01'),
    (3, 'Business', 'software', DATE '2022-09-05'),
    (4, 'Enterprise', 'software', DATE '2023-04-03'),
    (5, 'Analytics Add-on', 'software', DATE '2023-11-13'),
    (6, 'Automation', 'software', DATE '2024-05-06'),
    (7, 'Assistant', 'software', DATE '2025-06-02'),
    (8, 'Consulting', 'services', DATE '2019-04-01'),
    (9, 'Onboarding Package', 'services', DATE '2021-02-01'),
    (10, 'Training Day', 'services', DATE '2021-02-01')
) AS listed(product_id, name, family, launched_on)
ORDER BY product_id
