-- One row per batch whose rows are read otherwise than by the last build that came to its end: a new one, one let in,
-- dropped, withdrawn or restored since. All of them where there was no such build.
{{ config(materialized='table') }}

with batches as (

    select * from {{ ref('stg_batches') }}

),

built_batches as (

    {{ standing_batches(source('gate', 'built_batches')) }}

),

final as (

    select
        batches.source,
        batches.entity,
        batches.batch_sequence,
        batches.is_readable,
        batches.is_withdrawn
    from batches
    left join built_batches on batches.batch_id = built_batches.batch_id
    where
        batches.is_readable <> coalesce(built_batches.is_readable, false)
        or (batches.is_readable and batches.is_withdrawn <> built_batches.is_withdrawn)

)

select * from final
