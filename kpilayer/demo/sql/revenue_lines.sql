-- Each valid invoice is recognised at the end of its month, without tax, split by what was sold.
WITH valid AS (
  SELECT
    invoice_id,
    account_id,
    issued_at::DATE AS issued_on,
    amount - tax AS net,
    is_services,
    CASE WHEN NOT is_services AND amount > 0 AND day(issued_at) = 1 THEN account_id END
      AS subscriber
  FROM invoices
  WHERE status <> 'void'
),
-- What of a month's subscription comes from add-ons and from more of the same, at its first day.
held AS (
  SELECT
    subscriber,
    issued_on,
    coalesce(sum(delta) FILTER (WHERE plan_id = 5), 0) AS cross_sell,
    greatest(
      coalesce(sum(delta) FILTER (WHERE plan_id < 5 AND type IN ('expansion', 'contraction')), 0), 0
    ) AS upsell,
    max(plan_id) FILTER (WHERE plan_id < 5) AS plan_id,
    sum(delta) AS mrr
  FROM (SELECT DISTINCT subscriber, issued_on FROM valid WHERE subscriber IS NOT NULL) AS billed
  INNER JOIN mrr_movements ON account_id = subscriber AND moved_on < issued_on
  GROUP BY subscriber, issued_on
),
parts AS (
  SELECT
    invoice_id,
    account_id,
    issued_on,
    net,
    is_services,
    plan_id,
    CASE WHEN net = mrr THEN cross_sell ELSE 0 END AS cross_sell,
    CASE WHEN net = mrr THEN upsell ELSE 0 END AS upsell
  FROM valid
  LEFT JOIN held USING (subscriber, issued_on)
),
lines AS (
  SELECT
    invoice_id,
    account_id,
    issued_on,
    CASE
      WHEN NOT is_services THEN coalesce(plan_id, 1)
      WHEN net = 900 THEN 10
      WHEN net IN (300, 1500, 8000) THEN 9
      ELSE 8
    END AS product_id,
    CASE WHEN is_services THEN 'services' ELSE 'base' END AS type,
    net - cross_sell - upsell AS amount
  FROM parts
  UNION ALL
  SELECT
    invoice_id,
    account_id,
    issued_on,
    CASE
      WHEN issued_on >= DATE '2025-07-01' AND dice('assistant', account_id) < 450000 THEN 7
      WHEN issued_on >= DATE '2024-06-01' AND dice('automation', account_id) < 400000 THEN 6
      ELSE plan_id
    END,
    'upsell',
    upsell
  FROM parts
  WHERE upsell > 0
  UNION ALL
  SELECT invoice_id, account_id, issued_on, 5, 'cross_sell', cross_sell
  FROM parts
  WHERE cross_sell > 0
),
priced AS (
  SELECT
    *,
    CASE
      WHEN amount > 0 AND dice('discounted', coalesce(account_id, invoice_id)) < 340000
        THEN (
          amount * (5 + dice('discounted', coalesce(account_id, invoice_id)) % 16) * 0.01
        )::DECIMAL(14, 2)
      ELSE 0
    END AS discount
  FROM lines
)
SELECT
  row_number() OVER (ORDER BY issued_on, invoice_id, type, product_id)::BIGINT AS line_id,
  invoice_id::BIGINT AS invoice_id,
  account_id::BIGINT AS account_id,
  product_id::INTEGER AS product_id,
  type::VARCHAR AS type,
  last_day(issued_on)::DATE AS recognised_on,
  (amount + discount)::DECIMAL(14, 2) AS list_amount,
  discount::DECIMAL(14, 2) AS discount,
  amount::DECIMAL(14, 2) AS amount
FROM priced
ORDER BY line_id
