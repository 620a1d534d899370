-- Grain: one row of int_ticket_spine on a ticket that has not one known schedule all along: what its business clock reads
-- at it and at the next. Such a ticket (they are few) reads a clock of its own, the open time of each stretch under the
-- schedule then in force; any other reads the schedule's.

with spine {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_spine') }}

),

schedules as (

    select * from {{ ref('int_schedules') }}
    where gap is null

),

pieces as (

    select * from {{ ref('int_schedule_pieces') }}

),

scheduled as (

    select
        spine.ticket_number,
        min(spine.schedule_id) as first_schedule_id,
        max(spine.schedule_id) as last_schedule_id,
        max(case when schedules.schedule_id is null then 1 else 0 end) as has_unknown_hours
    from spine
    left join schedules on spine.schedule_id = schedules.schedule_id
    where spine.event_kind in ('opened', 'version', 'schedule')
    group by spine.ticket_number

),

moved_tickets as (

    select ticket_number
    from scheduled
    where
        first_schedule_id <> last_schedule_id
        or has_unknown_hours = 1

),

stretches as (

    select
        spine.ticket_number,
        spine.event_number,
        case
            when spine.next_happened_at = spine.happened_at then 0
            else coalesce(
                {{ open_micros_at('pieces', 'spine.next_happened_at') }} - spine.schedule_micros,
                {{ unknown_open_micros() }}
            )
        end as open_micros
    from spine
    inner join moved_tickets on spine.ticket_number = moved_tickets.ticket_number
    left join pieces
        on
            {{ piece_at('pieces', 'spine.schedule_id', 'spine.next_happened_at') }}

),

-- So many stretches of unknown hours as a bigint cannot add up leave the ticket without a clock.
tellings as (

    select
        *,
        sum(case when open_micros = {{ unknown_open_micros() }} then 1 else 0 end) over (partition by ticket_number) <= 900
            as is_telling
    from stretches

),

summed as (

    select
        *,
        case when is_telling then cast(sum(open_micros) over (
            partition by ticket_number order by event_number rows between unbounded preceding and current row
        ) as bigint) end as next_open_micros
    from tellings

),

final as (

    select
        ticket_number,
        event_number,
        next_open_micros - open_micros as open_micros,
        next_open_micros
    from summed

)

select * from final
