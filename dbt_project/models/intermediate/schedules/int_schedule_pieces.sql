-- Grain: one schedule × piece [starts_at, ends_at) of a UTC day in which it is all open or all closed, with what its
-- clock F has counted before: the open time up to an instant is the piece's count, and the time since where it is open.

with changes as (

    select * from {{ ref('int_schedule_hours') }}

),

schedules as (

    select * from {{ ref('int_schedules') }}
    where gap is null

),

calendar as (

    select * from {{ ref('int_schedule_calendar') }}

),

-- At every midnight a piece begins, whatever changes.
cuts as (

    select
        schedule_id,
        changes_at as starts_at,
        change
    from changes

    union all

    select
        schedules.schedule_id,
        cast(calendar.date_day as timestamp) as starts_at,
        0 as change
    from schedules
    cross join calendar

),

starts as (

    select
        schedule_id,
        starts_at,
        sum(change) as change
    from cuts
    group by schedule_id, starts_at

),

pieces as (

    select
        schedule_id,
        starts_at,
        lead(starts_at) over (partition by schedule_id order by starts_at) as ends_at,
        sum(change) over (
            partition by schedule_id order by starts_at rows between unbounded preceding and current row
        ) > 0 as is_open
    from starts

),

measured as (

    select
        *,
        case when is_open then {{ micros_between('starts_at', 'ends_at') }} else 0 end as open_micros
    from pieces
    -- hours that run on beyond the last midnight end nowhere
    where ends_at <= cast(cast(starts_at as date) as timestamp) + interval '1' day

),

final as (

    select
        schedule_id,
        cast(starts_at as date) as utc_date,
        starts_at,
        ends_at,
        is_open,
        cast(coalesce(sum(open_micros) over (
            partition by schedule_id order by starts_at rows between unbounded preceding and 1 preceding
        ), 0) as bigint) as open_micros_before,
        cast(open_micros as bigint) as open_micros
    from measured

)

select * from final
