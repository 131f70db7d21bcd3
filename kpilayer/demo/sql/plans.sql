SELECT
  plan_id::INTEGER AS plan_id,
  name::VARCHAR AS name,
  tier::VARCHAR AS tier,
  fee_type::VARCHAR AS fee_type
FROM (
  VALUES
    (1, 'Starter', 'basic', 'recurring'),
    (2, 'Team', 'standard', 'recurring'),
    (3, 'Business', 'professional', 'recurring'),
    (4, 'Enterprise', 'enterprise', 'recurring'),
    (5, 'Analytics Add-on', 'add_on', 'recurring'),
    (6, 'Onboarding Package', 'services', 'one_time'),
    (7, 'Training Day', 'services', 'one_time')
) AS listed(plan_id, name, tier, fee_type)
ORDER BY plan_id
