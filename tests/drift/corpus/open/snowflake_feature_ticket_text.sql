CREATE OR REPLACE DYNAMIC TABLE features.account_support
    TARGET_LAG = '1 day'
    WAREHOUSE = ml_wh
AS
SELECT
    t.account_id,
    MAX(t.opened_at) AS last_ticket_at,
    MAX(t.first_reply_minutes) AS worst_first_reply,
    STDDEV(t.first_reply_minutes) AS sd_first_reply,
    COUNT(c.contact_id) / NULLIF(COUNT(DISTINCT t.ticket_id), 0) AS messages_per_ticket,
    BOOLOR_AGG(t.priority = 'urgent') AS ever_urgent
FROM core.tickets t
LEFT JOIN core.ticket_contacts c ON c.ticket_id = t.ticket_id
WHERE t.account_id IS NOT NULL
GROUP BY t.account_id
