insert into features.invoice_lag
select invoice_id, account_id, paid_on - due_on as lag_days,
       rank() over (partition by account_id order by issued_at) as nth,
       lag(amount) over (partition by account_id order by issued_at) as amount_before
from invoices
where status <> 'void'
