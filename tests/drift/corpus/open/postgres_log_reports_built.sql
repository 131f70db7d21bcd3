select u.role, count(*) as reports_created
from product_events e join users u on u.user_id = e.user_id
where e.name = 'report_created'
group by u.role
