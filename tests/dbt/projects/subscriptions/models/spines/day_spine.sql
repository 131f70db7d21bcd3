with days as (
    select cast(range as date) as ds from range(date '2023-01-01', date '2027-01-01', interval 1 day)
)
select
    ds,
    {{ fiscal_quarter('ds') }} as fiscal_quarter_label,
    {{ fiscal_year('ds') }} as fiscal_year,
    -- retail weeks start on Sunday
    ds - cast(extract(dow from ds) as int) as sunday
from days
