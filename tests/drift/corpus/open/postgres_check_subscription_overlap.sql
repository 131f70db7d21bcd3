-- a plan must not run twice for one account
select a.account_id, a.plan_id, a.subscription_id as first_id, b.subscription_id as second_id
from subscriptions a
join subscriptions b
  on b.account_id = a.account_id
 and b.plan_id = a.plan_id
 and b.subscription_id > a.subscription_id
 and daterange(a.started_on, a.ended_on) && daterange(b.started_on, b.ended_on)
where a.ended_on is null or a.ended_on > a.started_on
