with answers as (
    select
        date_trunc('quarter', a.answered_at)::date as quarter,
        case
            when a.score between 9 and 10 then 'promoter'
            when a.score between 7 and 8 then 'passive'
            when a.score <= 6 then 'detractor'
        end as attitude
    from survey_answers a
    where a.type = 'nps'
),
asked as (
    select date_trunc('quarter', sent_at)::date as quarter, count(*) as sent
    from surveys
    group by 1
),
counted as (
    select
        quarter,
        count(*) as answers,
        count(*) filter (where attitude = 'promoter') as promoters,
        count(*) filter (where attitude = 'detractor') as detractors
    from answers
    group by quarter
)
select
    c.quarter,
    c.answers,
    100.0 * (c.promoters - c.detractors) / c.answers as nps,
    c.answers::numeric / s.sent as response_rate
from counted c
left join asked s on s.quarter = c.quarter
order by c.quarter
