-- offline features of the lead score, one row per browser
create or replace table feature_visit_paths as
select
    visitor_id,
    min(started_at) as first_seen_at,
    date_diff('day', min(started_at), max(started_at)) as days_known,
    avg(pages) as mean_pages,
    max(seconds) as longest_visit,
    coalesce(stddev_samp(seconds), 0) as spread_of_seconds,
    arg_min(channel, started_at) as first_channel,
    arg_max(landing_page, started_at) as last_landing_page,
    mode(device) as usual_device,
    bool_or(user_id is not null) as ever_logged_in
from web_sessions
group by visitor_id
