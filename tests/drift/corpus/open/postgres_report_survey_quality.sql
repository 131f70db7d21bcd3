/* How much do we hear, and how content are they? For the monthly letter. */
with heard as (
    select date_trunc('month', answered_at)::date as month,
           avg(case when score >= 4 then 1.0 else 0.0 end) filter (where type = 'csat') as csat,
           avg(score) filter (where type = 'engagement') as engagement
    from survey_answers
    group by 1
), asked as (
    select date_trunc('month', s.sent_at)::date as month,
           count(a.answer_id)::numeric / count(s.survey_id) as response_rate
    from surveys s
    left join survey_answers a on a.survey_id = s.survey_id
    group by 1
)
select month, heard.csat, heard.engagement, asked.response_rate
from heard
join asked using (month)
order by month
