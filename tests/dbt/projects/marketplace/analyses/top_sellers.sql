-- For the quarterly review; compiled, never run.
select s.seller_name, {{ net('sum(l.price * l.quantity)') }} as value
from {{ ref('order_lines') }} as l
join {{ ref('listings') }} using (listing_id)
join {{ ref('sellers') }} as s using (seller_id)
group by 1
order by 2 desc
