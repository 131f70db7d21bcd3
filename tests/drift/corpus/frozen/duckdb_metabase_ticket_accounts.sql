-- Metabase:: userID: 7 queryType: native queryHash: c31f77
SELECT
  t.topic,
  count(DISTINCT t.account_id) AS accounts_asking,
  count(DISTINCT t.user_id) AS people_asking,
  max(t.first_reply_minutes) AS longest_wait
FROM tickets t
WHERE t.opened_at >= DATE '2026-04-01'
GROUP BY ALL
ORDER BY accounts_asking DESC
