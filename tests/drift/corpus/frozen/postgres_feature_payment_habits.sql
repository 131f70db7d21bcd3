-- features for the dunning model, one row per account
create table if not exists ml.payment_habits as
with gaps as (
    select account_id,
           paid_on,
           method,
           amount,
           paid_on - lag(paid_on) over (partition by account_id order by paid_on, payment_id) as gap_days,
           row_number() over (partition by account_id order by paid_on desc, payment_id desc) as rn
    from payments
    where account_id is not null
)
select account_id,
       max(paid_on)                                            as last_payment_on,
       max(amount) filter (where rn = 1)                       as last_payment,
       max(amount)                                             as largest_payment,
       stddev_samp(amount)                                     as payment_stddev,
       max(gap_days)                                           as longest_gap,
       avg((method = 'card')::int)                             as card_share,
       mode() within group (order by method)                   as usual_method
from gaps
group by account_id
