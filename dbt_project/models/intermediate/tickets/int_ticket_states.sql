-- Grain: one stretch of a published ticket's life in which its status, assignee, priority and schedule stay as they are,
-- up to as_of; with what the ticket's business clock reads at both ends.
{%- set ticket_window = 'partition by ticket_number order by event_number' %}

with spine as (

    select
        *,
        lead(happened_at) over ({{ ticket_window }}) as ended_at,
        lead(schedule_micros) over ({{ ticket_window }}) as ended_micros,
        lead(event_number) over ({{ ticket_window }}) as next_event_number
    from {{ ref('int_ticket_spine') }}
    where
        event_kind in ('opened', 'version', 'status', 'row_solve', 'assignment', 'priority', 'schedule')
        or is_last

),

ticket_values as (

    select * from {{ ref('int_ticket_values') }}

),

own_clocks as (

    select * from {{ ref('int_ticket_own_clocks') }}

),

schedules as (

    select * from {{ ref('int_schedules') }}

),

as_of_readings as (

    select
        pieces.schedule_id,
        {{ open_micros_at('pieces', 'as_of.as_of') }} as open_micros
    from {{ ref('int_as_of') }} as as_of
    inner join {{ ref('int_schedule_pieces') }} as pieces
        on {{ piece_at('pieces', 'pieces.schedule_id', 'as_of.as_of') }}

),

final as (

    select
        spine.ticket_number,
        spine.event_number,
        spine.next_event_number,
        spine.status,
        ticket_values.told_assignee as assignee,
        ticket_values.priority,
        spine.schedule_id,
        case when schedules.schedule_id is null then 'unknown_schedule' else schedules.gap end as business_time_gap,
        spine.is_last,
        spine.happened_at as started_at,
        coalesce(spine.ended_at, spine.next_happened_at) as ended_at,
        case when starting.ticket_number is null then spine.schedule_micros else starting.open_micros end as started_micros,
        case
            when starting.ticket_number is null and spine.is_last then as_of_readings.open_micros
            when starting.ticket_number is null then spine.ended_micros
            when spine.is_last then starting.next_open_micros
            else ending.open_micros
        end as ended_micros
    from spine
    inner join ticket_values
        on
            spine.ticket_number = ticket_values.ticket_number
            and spine.values_number = ticket_values.values_number
    left join own_clocks as starting
        on
            spine.ticket_number = starting.ticket_number
            and spine.event_number = starting.event_number
    left join own_clocks as ending
        on
            spine.ticket_number = ending.ticket_number
            and spine.next_event_number = ending.event_number
    left join schedules on spine.schedule_id = schedules.schedule_id
    left join as_of_readings on spine.schedule_id = as_of_readings.schedule_id

)

select * from final
