-- Grain: one run of an SLA clock × stretch of the ticket's life it runs through: which target then governs (the one of
-- the priority in force, of those that hold on the day the run starts), and how long the stretch is on either clock.

with runs as (

    select * from {{ ref('int_sla_runs') }}
    where reason is null

),

states as (

    select * from {{ ref('int_ticket_states') }}

),

history as (

    select
        source,
        ticket_id,
        ticket_version,
        priority
    from {{ ref('int_ticket_history') }}

),

targets as (

    select * from {{ ref('int_sla_targets') }}

),

prioritised as (

    select
        states.*,
        case when states.priority is null then history.priority else nullif(states.priority, '') end
            as priority_in_force
    from states
    inner join history
        on
            states.source = history.source
            and states.ticket_id = history.ticket_id
            and states.ticket_version = history.ticket_version

),

stretches as (

    select
        runs.source,
        runs.ticket_id,
        runs.metric,
        runs.turn_number,
        runs.started_date,
        prioritised.event_number,
        prioritised.status,
        prioritised.priority_in_force as priority,
        prioritised.schedule_id,
        prioritised.next_event_number is null or prioritised.next_event_number > coalesce(
            runs.fulfilled_number, prioritised.next_event_number
        ) as is_last,
        case
            when prioritised.event_number < runs.started_number then runs.started_at else prioritised.started_at
        end as started_at,
        case
            when prioritised.event_number < runs.started_number then runs.started_micros
            else prioritised.started_micros
        end as started_micros,
        least(prioritised.ended_at, runs.ended_at) as ended_at,
        case
            when prioritised.ended_at > runs.ended_at then runs.ended_micros else prioritised.ended_micros
        end as ended_micros
    from runs
    inner join prioritised
        on
            runs.source = prioritised.source
            and runs.ticket_id = prioritised.ticket_id
            and (runs.fulfilled_number is null or runs.fulfilled_number >= prioritised.event_number)
            and (prioritised.next_event_number is null or runs.started_number < prioritised.next_event_number)

),

final as (

    select
        stretches.source,
        stretches.ticket_id,
        stretches.metric,
        stretches.turn_number,
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
