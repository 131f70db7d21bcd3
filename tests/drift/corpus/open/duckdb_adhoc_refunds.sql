-- how much did we give back this year?
select date_trunc('month', issued_at) as month, -sum(amount) as credited, count(*) as credit_notes
from invoices
where amount < 0 and issued_at >= '2024-01-01'
group by 1
