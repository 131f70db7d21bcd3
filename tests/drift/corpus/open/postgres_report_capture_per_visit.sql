SELECT s.channel,
       COUNT(DISTINCT l.lead_id)::numeric / COUNT(DISTINCT s.session_id) AS lead_capture_rate
FROM web_sessions s
LEFT JOIN leads l ON l.visitor_id = s.visitor_id
GROUP BY s.channel
