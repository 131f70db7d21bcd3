-- Collections, services arm: what we billed and what came in, per quarter
WITH billed AS (
  SELECT date_trunc('quarter', issued_at)::DATE AS quarter,
         sum(amount) AS billed
  FROM invoices
  WHERE is_services
    AND status IN ('paid', 'open')
  GROUP BY 1
),
received AS (
  SELECT date_trunc('quarter', p.paid_on)::DATE AS quarter,
         sum(p.amount) AS received
  FROM payments p
  JOIN invoices i ON i.invoice_id = p.invoice_id
  WHERE i.is_services
    AND i.status <> 'void'
  GROUP BY 1
),
all_money AS (
  SELECT date_trunc('quarter', paid_on)::DATE AS quarter,
         sum(amount) AS payments_received
  FROM payments
  WHERE amount > 0        -- no chargebacks please
  GROUP BY 1
)
SELECT b.quarter,
       b.billed                          AS services_billed,
       round(r.received / b.billed, 4)   AS realization,
       m.payments_received
FROM billed b
LEFT JOIN received r USING (quarter)
LEFT JOIN all_money m USING (quarter)
ORDER BY b.quarter;
