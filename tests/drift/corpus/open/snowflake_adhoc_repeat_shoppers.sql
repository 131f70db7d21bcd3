-- who are our best shoppers, and how often do they come back? (asked by merchandising)
select
    o.visitor_id,
    count(distinct o.order_id) as orders,
    sum(o.amount) as sales,
    max(c.items) as largest_cart,
    min(o.ordered_at)::date as first_order_on,
    datediff('day', min(o.ordered_at), max(o.ordered_at)) as days_as_shopper
from core.orders o
left join core.carts c on c.visitor_id = o.visitor_id
group by o.visitor_id
qualify rank() over (order by sum(o.amount) desc) <= 50
order by sales desc
