SELECT
  channel_id::INTEGER AS channel_id,
  channel::VARCHAR AS channel,
  medium::VARCHAR AS medium
FROM (
  VALUES
    (1, 'search', 'paid'),
    (2, 'social', 'paid'),
    (3, 'events', 'owned'),
    (4, 'content', 'owned'),
    (5, 'partners', 'earned'),
    (6, 'organic', 'earned'),
    (7, 'direct', 'owned'),
    (8, 'email', 'owned'),
    (9, 'referral', 'earned')
) AS listed(channel_id, channel, medium)
ORDER BY channel_id
