-- What a customer pays is the subtotal and the tax, to the cent.
select
    order_id,
    subtotal + tax_paid as expected,
    order_total
from {{ ref('orders') }}
where subtotal + tax_paid <> order_total
