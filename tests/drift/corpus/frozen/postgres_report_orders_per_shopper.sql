-- how often do shoppers come back?
select
    orders_of_shopper,
    count(*) as shoppers,
    round(100.0 * count(*) / sum(count(*)) over (), 1) as percent_of_shoppers,
    avg(days_between_first_and_last) as mean_span
from (
    select
        visitor_id,
        count(*) as orders_of_shopper,
        max(ordered_at)::date - min(ordered_at)::date as days_between_first_and_last
    from orders
    group by visitor_id
) x
group by orders_of_shopper
order by orders_of_shopper
