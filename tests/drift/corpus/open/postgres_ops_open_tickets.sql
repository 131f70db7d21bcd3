select
    t.ticket_id,
    t.priority,
    t.topic,
    acc.name as account,
    agent.name as agent,
    now() - t.opened_at as age,
    t.sla_due_at < now() as overdue,
    row_number() over (partition by t.employee_id order by t.sla_due_at) as place_in_queue
from tickets t
left join accounts acc on acc.account_id = t.account_id
left join employees agent on agent.employee_id = t.employee_id
where t.resolved_at is null
order by t.sla_due_at
