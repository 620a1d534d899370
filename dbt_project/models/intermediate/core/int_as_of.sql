-- One row: the moment the data speaks of. `as_of` is the end (exclusive) of the reporting-zone day of the
-- greatest accepted event, or the latest accepted landing where that is earlier; null without data.
with watermarks as (

    select
        min(first_event_date) as first_event_date,
        max(watermark_at) as watermark_at
    from {{ ref('int_source_watermarks') }}

),

landings as (

    select max(landed_at) as last_landed_at
    from {{ ref('stg_batches') }}
    where is_readable

),

capped as (

    select
        watermarks.first_event_date,
        case
            when landings.last_landed_at < watermarks.watermark_at then landings.last_landed_at
            else watermarks.watermark_at
        end as as_of
    from watermarks
    cross join landings

),

final as (

    select
        as_of,
        {{ local_date("as_of - interval '1' second") }} as as_of_date,
        first_event_date
    from capped

)

select * from final
