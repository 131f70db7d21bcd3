select `_`.`segment` as `segment`,
    `_`.`a0` as `receivables`,
    `_`.`a1` as `oldest_due`
from
(
    select `rows`.`segment` as `segment`,
        sum(`rows`.`balance`) as `a0`,
        min(`rows`.`due_on`) as `a1`
    from
    (
        select `$Outer`.`balance`,
            `$Outer`.`due_on`,
            `$Inner`.`segment`
        from
        (
            select `account_id`, `invoice_id`, `due_on`, `balance`
            from `acme-prod`.`core`.`receivable_snapshots`
            where true
            qualify row_number() over (partition by `invoice_id` order by `snapshot_on` desc) = 1
        ) as `$Outer`
        left outer join `acme-prod`.`core`.`accounts` as `$Inner`
            on (`$Outer`.`account_id` = `$Inner`.`account_id`)
    ) as `rows`
    group by `segment`
) as `_`
where not `_`.`a0` is null
limit 1000001
