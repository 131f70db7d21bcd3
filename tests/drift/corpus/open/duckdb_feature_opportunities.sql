create or replace table opportunity_features as
select s.opportunity_id,
       count(*) as weeks_open,
       max(s.amount) - min(s.amount) as amount_range,
       arg_max(s.stage, s.snapshot_on) as last_stage,
       stddev_pop(s.amount) as amount_stddev
from opportunity_snapshots s
group by s.opportunity_id
