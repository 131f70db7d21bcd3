with month_ends as (
    select (date_trunc('month', m) + interval '1 month' - interval '1 day')::date as month_end
    from generate_series(date '2024-01-01', date '2026-06-01', interval '1 month') as g(m)
),
running as (
    select s.account_id, s.plan_id, s.started_on, s.ended_on, s.mrr, p.fee_type
    from subscriptions s
    join plans p on p.plan_id = s.plan_id
)
select
    e.month_end,
    count(distinct r.account_id) filter (where r.fee_type = 'recurring') as customers,
    sum(r.mrr) filter (where r.fee_type = 'recurring') as mrr
from month_ends e
left join running r
    on r.started_on <= e.month_end
    and (r.ended_on is null or r.ended_on > e.month_end)
group by e.month_end
order by e.month_end
