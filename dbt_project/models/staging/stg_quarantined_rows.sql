-- One row per landed row that broke a row rule, with the names of its rules.
with quarantined as (

    select * from {{ source('gate', 'quarantined_rows') }}

),

batches as (

    select * from {{ ref('stg_batches') }}

),

final as (

    select
        quarantined.source,
        batches.entity,
        quarantined.batch_id,
        quarantined.batch_sequence,
        quarantined.position,
        quarantined.row_key,
        quarantined.rules,
        batches.origin,
        batches.is_readable
    from quarantined
    inner join batches on quarantined.batch_id = batches.batch_id

)

select * from final
