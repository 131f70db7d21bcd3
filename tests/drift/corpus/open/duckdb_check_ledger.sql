select journal_id, sum(amount) as imbalance, count(*) as entries
from {{ source('core', 'gl_entries') }}
group by journal_id
having abs(sum(amount)) > 0.005
