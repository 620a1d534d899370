-- Grain: one run of an SLA clock × stretch of the ticket's life it runs through, in which status, priority and schedule stay
-- as they are: which target then governs (the one of the priority in force, of those that hold on the day the run
-- starts), and how long the stretch is on either clock.

with runs as (

    select * from {{ ref('int_sla_runs') }}
    where reason is null

),

states as (

    select
        *,
        lag(concat_ws('|', coalesce(status, '?'), schedule_id, coalesce(priority, '?'))) over (
            partition by ticket_number order by event_number
        ) as previous_state,
        concat_ws('|', coalesce(status, '?'), schedule_id, coalesce(priority, '?')) as state
    from {{ ref('int_ticket_states') }}

),

targets as (

    select * from {{ ref('int_sla_targets') }}

),

changes as (

    select
        *,
        lead(event_number) over (partition by ticket_number order by event_number) as next_number,
        lead(started_at) over (partition by ticket_number order by event_number) as next_at,
        lead(started_micros) over (partition by ticket_number order by event_number) as next_micros
    from states
    where
        previous_state is null
        or previous_state <> state

),

stretches as (

    select
        runs.run_number,
        runs.metric,
        runs.started_date,
        changes.event_number,
        changes.status,
        changes.priority,
        changes.schedule_id,
        changes.next_number is null or coalesce(changes.next_number > runs.fulfilled_number, false) as is_last,
        case when changes.event_number < runs.started_number then runs.started_at else changes.started_at end
            as started_at,
        case when changes.event_number < runs.started_number then runs.started_micros else changes.started_micros end
            as started_micros,
        least(coalesce(changes.next_at, runs.ended_at), runs.ended_at) as ended_at,
        case
            when changes.next_number is null or changes.next_at > runs.ended_at then runs.ended_micros
            else changes.next_micros
        end as ended_micros
    from runs
    inner join changes
        on
            runs.ticket_number = changes.ticket_number
            and (runs.fulfilled_number is null or runs.fulfilled_number >= changes.event_number)
            and (changes.next_number is null or runs.started_number < changes.next_number)

),

final as (

    select
        stretches.run_number,
        stretches.event_number,
        stretches.status,
        stretches.priority,
        stretches.schedule_id,
        stretches.is_last,
        stretches.started_at,
        stretches.ended_at,
        coalesce(own.target_id, common.target_id) as target_id,
        {{ micros_between('stretches.started_at', 'stretches.ended_at') }} as calendar_micros,
        case
            when stretches.started_at = stretches.ended_at then 0
            else coalesce(stretches.ended_micros - stretches.started_micros, {{ unknown_open_micros() }})
        end as business_micros
    from stretches
    left join targets as own
        on
            stretches.metric = own.metric
            and stretches.priority = own.priority
            and (own.valid_from is null or stretches.started_date >= own.valid_from)
            and (own.valid_to is null or stretches.started_date < own.valid_to)
    left join targets as common
        on
            stretches.metric = common.metric
            and common.priority is null
            and (common.valid_from is null or stretches.started_date >= common.valid_from)
            and (common.valid_to is null or stretches.started_date < common.valid_to)

)

select * from final
