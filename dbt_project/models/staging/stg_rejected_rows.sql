-- One row per input row that could not be typed or cut into fields, with the reason.
with rejected as (

    select * from {{ source('gate', 'rejected_rows') }}

),

batches as (

    select * from {{ ref('stg_batches') }}

),

final as (

    select
        rejected.source,
        batches.entity,
        rejected.batch_id,
        rejected.batch_sequence,
        rejected.line,
        rejected.column_name,
        rejected.reason,
        rejected.detail,
        batches.origin
    from rejected
    inner join batches on rejected.batch_id = batches.batch_id

)

select * from final
