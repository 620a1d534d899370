-- One row per source and entity: read = landed + rejected; landed = passed + quarantined + held;
-- passed = published + excluded, to the row.
with final as (

    select
        source,
        entity,
        rows_read as read,
        rejected,
        landed,
        passed,
        quarantined,
        held,
        of_which_dropped,
        published,
        excluded,
        superseded,
        deleted,
        withdrawn,
        merged,
        spam,
        test,
        is_balanced
    from {{ ref('int_reconciliation') }}

)

select *
from final
order by source, entity
