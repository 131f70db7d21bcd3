select "_"."C1" as "c21",
    "_"."C2" as "a0",
    "_"."C3" as "a1",
    "_"."C2" / nullif("_"."C3", 0) as "Defect Rate"
from
(
    select "OTBL"."MONTH_START" as "C1", "OTBL"."DEFECTS" as "C2", "ITBL"."ITEMS" as "C3"
    from
    (
        select date_trunc('month', "rows"."FOUND_AT") as "MONTH_START", count("rows"."DEFECT_ID") as "DEFECTS"
        from "ACME"."CORE"."DEFECTS" as "rows"
        group by date_trunc('month', "rows"."FOUND_AT")
    ) as "OTBL"
    left outer join
    (
        select date_trunc('month', "rows"."CREATED_AT") as "MONTH_START", count("rows"."ITEM_ID") as "ITEMS"
        from "ACME"."CORE"."WORK_ITEMS" as "rows"
        where "rows"."DONE_AT" is not null
        group by date_trunc('month', "rows"."CREATED_AT")
    ) as "ITBL"
    on "OTBL"."MONTH_START" = "ITBL"."MONTH_START"
) as "_"
order by "_"."C1"
limit 1000001
