-- an account has a plan only once at a time
SELECT s.account_id, s.plan_id, s.subscription_id, LEAD(s.subscription_id) OVER w AS next_id, LEAD(s.started_on) OVER w AS next_started_on
FROM core.subscriptions AS s
WHERE TRUE
QUALIFY next_started_on < IFNULL(s.ended_on, DATE '9999-12-31')
WINDOW w AS (PARTITION BY s.account_id, s.plan_id ORDER BY s.started_on)
