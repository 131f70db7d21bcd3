-- 2026-07-02 07:15:02.118 UTC [23817] report_ro@acme LOG:  duration: 612.553 ms  statement:
WITH base AS (
  SELECT date_trunc('month', s.snapshot_on) AS month, count(s.account_id) AS customers
  FROM subscription_snapshots s
  JOIN plans p ON p.plan_id = s.plan_id
  WHERE p.fee_type = 'recurring'
  GROUP BY 1
), load AS (
  SELECT date_trunc('month', opened_at) AS month,
         count(*) AS tickets,
         percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM resolved_at - opened_at) / 3600.0) AS p90_hours,
         avg(extract(epoch FROM escalated_at - opened_at)) / 3600.0 AS hours_to_escalation
  FROM tickets
  WHERE opened_at >= '2026-01-01' AND opened_at < '2026-07-01'
  GROUP BY 1
)
SELECT load.month, load.tickets, load.p90_hours, load.hours_to_escalation,
       load.tickets * 1000.0 / base.customers AS tickets_per_1k_customers
FROM load JOIN base USING (month)
ORDER BY 1
