-- 2026-07-02 08:41:17 | user=svc_reporting | rows=10 | 84 ms
select year(i.issued_at) || '-Q' || quarter(i.issued_at) as quarter,
       sum(i.amount) - sum(i.tax) as software_revenue,
       (sum(i.amount) - sum(i.tax)) / count(distinct i.account_id) as arpa
from invoices i
where i.status != 'void'
  and not i.is_services
group by 1
order by 1
