create table features.user_recency as
select u.user_id,
       max(e.happened_at) as last_seen_at,
       bool_or(e.name = 'export') as has_exported,
       max(e.quantity) as quantity_max,
       array_agg(distinct e.name) as names
from users u
left join product_events e on e.user_id = u.user_id and e.happened_at >= now() - interval '90 days'
group by u.user_id
