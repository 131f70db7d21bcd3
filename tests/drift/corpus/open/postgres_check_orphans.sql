select 'payments without invoice' as check_name, count(*) as failures
from payments p left join invoices i on i.invoice_id = p.invoice_id
where i.invoice_id is null
union all
select 'users without account', count(*) from users where account_id is null
union all
select 'tickets resolved before they were opened', count(*) from tickets where resolved_at < opened_at
