create materialized view ml.health_trend as
select h.account_id,
       regr_slope(h.score, extract(epoch from h.snapshot_on) / 86400) as slope_per_day,
       avg(h.usage_score) as mean_usage,
       min(h.score) as worst_score,
       max(h.score) - min(h.score) as span_of_scores,
       (array_agg(h.score order by h.snapshot_on desc))[1] as latest_score,
       max(h.snapshot_on) filter (where h.score >= 50) as last_good_sunday
from account_health_snapshots h
where h.snapshot_on > date '2026-06-30' - interval '180 days'
group by h.account_id
