-- Grain: one open piece of a schedule's clock × bucket (a day's worth of open time) its open time lies in: by it an
-- instant is found from what the clock reads then, again by an equality join. A piece lies in one bucket or two.

with pieces as (

    select * from {{ ref('int_schedule_pieces') }}
    where is_open

),

ends as (

    select
        *,
        {{ open_bucket('open_micros_before + 1') }} as first_bucket,
        {{ open_bucket('open_micros_before + open_micros') }} as last_bucket
    from pieces

),

final as (

    select
        schedule_id,
        first_bucket as bucket,
        starts_at,
        open_micros_before,
        open_micros
    from ends

    union all

    select
        schedule_id,
        last_bucket as bucket,
        starts_at,
        open_micros_before,
        open_micros
    from ends
    where last_bucket > first_bucket

)

select * from final
