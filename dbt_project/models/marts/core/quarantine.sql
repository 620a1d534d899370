-- One row per row that could not land (stage `landing`) or may not be read (stage `gate`), and why.
with rejected as (

    select
        'landing' as stage,
        source,
        entity,
        batch_id,
        origin,
        cast(line as bigint) as line,
        cast(null as bigint) as position,
        cast(null as varchar) as row_key,
        column_name,
        reason as rules,
        detail
    from {{ ref('stg_rejected_rows') }}

),

quarantined as (

    select
        'gate' as stage,
        source,
        entity,
        batch_id,
        origin,
        cast(null as bigint) as line,
        cast(position as bigint) as position,
        row_key,
        cast(null as varchar) as column_name,
        rules,
        cast(null as varchar) as detail
    from {{ ref('stg_quarantined_rows') }}
    where is_readable

),

final as (

    select * from rejected
    union all
    select * from quarantined

)

select *
from final
order by stage, source, entity, origin, batch_id, line, position, column_name, rules, detail
