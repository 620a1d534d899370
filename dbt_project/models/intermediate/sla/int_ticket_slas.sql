-- Grain: one run of an SLA clock (published ticket × metric × turn, for next_response): whether its target is met, with
-- the values in force when that was decided.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with runs as (

    select * from {{ ref('int_sla_runs') }}

),

clocks as (

    select * from {{ ref('int_sla_clocks') }}

),

targets as (

    select * from {{ ref('int_sla_targets') }}

),

pieces as (

    select * from {{ ref('int_schedule_pieces') }}

),

buckets as (

    select * from {{ ref('int_schedule_buckets') }}

),

outcomes as (

    select
        ticket_number,
        business_time_gap,
        last_number
    from {{ ref('int_ticket_outcomes') }}

),

moments as (

    select * from {{ ref('int_ticket_moments') }}

),

ticket_values {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_values') }}

),

tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

-- From where, and how much of the target's clock, it is to the instant it is due.
anchored as (

    select
        *,
        coalesce(reached_from, ended_at) as due_from,
        case when reached_from is null then last_schedule_id else reached_schedule_id end as due_schedule_id,
        coalesce(reached_after_micros, target_micros - elapsed_micros) as due_after_micros
    from clocks

),

read as (

    select
        anchored.*,
        {{ open_micros_at('pieces', 'anchored.due_from') }} + anchored.due_after_micros as due_reading
    from anchored
    left join pieces
        on
            {{ piece_at('pieces', 'anchored.due_schedule_id', 'anchored.due_from') }}
            and anchored.clock = 'business'

),

dued as (

    select
        read.*,
        case
            when read.is_reached_at_unknown_hours then null
            when read.clock = 'calendar' then {{ add_micros('read.due_from', 'read.due_after_micros') }}
            else {{ instant_of_reading('buckets', 'read.due_reading') }}
        end as due_at
    from read
    left join buckets
        on {{ bucket_of('buckets', 'read.due_schedule_id', 'read.due_reading') }}

),

-- A target is overdue from the later of its due and the stretch it governs; due at the stretch's very end it is not. At
-- unknown hours it may be overdue at once.
overdue as (

    select
        *,
        overdue_from is not null and coalesce(due_at < ended_at, true) as is_overdue,
        coalesce(greatest(due_at, overdue_from) < overdue_to, true)
        or (overdue_to = ended_at and due_at < ended_at) as is_overdue_at_first
    from dued

),

breached as (

    select
        *,
        case
            when not is_overdue then null
            when is_overdue_at_first then greatest(due_at, overdue_from)
            else overdue_again_from
        end as breached_at
    from overdue

),

-- The first breach decides; without one, the target in force at the end.
ranked as (

    select
        *,
        row_number() over (
            partition by run_number
            order by case when breached_at is null then 1 else 0 end, breached_at, target_id
        ) as place
    from breached
    where
        breached_at is not null
        or is_in_force

),

deciding as (

    select
        run_number,
        target_id,
        elapsed_micros,
        due_at,
        breached_at,
        case
            when breached_at is null then last_priority
            when is_overdue_at_first then overdue_priority
            else overdue_again_priority
        end as priority,
        case when breached_at is null then last_schedule_id else coalesce(reached_schedule_id, last_schedule_id) end
            as schedule_id,
        breached_at is null and is_paused as is_paused,
        is_reached_at_unknown_hours
    from ranked
    where place = 1

),

judged as (

    select
        runs.run_number,
        runs.ticket_number,
        runs.metric,
        runs.turn_number,
        runs.is_inbound,
        runs.started_at,
        runs.fulfilled_at,
        runs.fulfilled_number,
        coalesce(runs.fulfilled_number, outcomes.last_number) as deciding_number,
        runs.met_by,
        deciding.priority,
        deciding.schedule_id,
        targets.target_minutes,
        targets.clock,
        deciding.due_at,
        deciding.breached_at,
        deciding.is_paused,
        case when deciding.elapsed_micros < {{ unknown_open_micros() }} then deciding.elapsed_micros end
            as elapsed_micros,
        case
            when runs.reason is not null then runs.reason
            when deciding.target_id is null then 'no_target'
            when
                trim(targets.pauses_on) <> ''
                and not runs.has_event_history
                then 'no_events'
            when trim(targets.pauses_on) <> '' and runs.is_status_inexact then 'inexact_time'
            when deciding.is_reached_at_unknown_hours then outcomes.business_time_gap
        end as reason
    from runs
    inner join outcomes on runs.ticket_number = outcomes.ticket_number
    left join deciding on runs.run_number = deciding.run_number
    left join targets on deciding.target_id = targets.target_id

),

-- A breach nobody has answered since belongs to whoever had the ticket then: what had happened last by that instant.
unanswered_breaches as (

    select
        judged.run_number,
        judged.ticket_number,
        judged.breached_at,
        max(ticket_values.values_number) as values_number
    from judged
    inner join ticket_values
        on
            judged.ticket_number = ticket_values.ticket_number
            and judged.breached_at >= ticket_values.happened_at
    where
        judged.reason is null
        and judged.fulfilled_number is null
    group by
        judged.run_number,
        judged.ticket_number,
        judged.breached_at

),

values_at_breach as (

    select
        {{- values_in_force('ticket_values', 'customers') }}
        breaches.run_number
    from unanswered_breaches as breaches
    inner join ticket_values
        on
            breaches.ticket_number = ticket_values.ticket_number
            and breaches.values_number = ticket_values.values_number
    inner join tickets on breaches.ticket_number = tickets.ticket_number
    left join customers
        on {{ in_force('customers', 'tickets.customer_key', 'breaches.breached_at') }}

),

final as (

    select
        tickets.source,
        judged.ticket_number,
        judged.metric,
        judged.turn_number,
        judged.is_inbound,
        tickets.customer_key,
        tickets.respondent_key,
        judged.started_at,
        judged.fulfilled_at,
        judged.met_by,
        judged.schedule_id,
        judged.target_minutes,
        judged.clock,
        case
            when judged.reason is not null then 'not_applicable'
            when judged.breached_at is not null then 'breached'
            when judged.fulfilled_at is not null then 'met'
            when judged.is_paused then 'paused'
            else 'pending'
        end as state,
        judged.reason,
        case
            when
                judged.reason is null
                and not (judged.is_paused and judged.fulfilled_at is null)
                then judged.due_at
        end as due_at,
        case when judged.reason is null then judged.breached_at end as breached_at,
        case when judged.reason is null then cast(judged.elapsed_micros as double) / 60000000.0 end
            as elapsed_minutes,
        case
            when judged.reason is null then {{ local_date('coalesce(judged.breached_at, judged.fulfilled_at)') }}
        end as event_date,
        judged.priority,
        {%- for dimension in ticket_dimensions() if dimension != 'priority' %}
        case
            when values_at_breach.run_number is not null then values_at_breach.{{ dimension }}
            else moments.{{ dimension }}
        end as {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from judged
    inner join tickets on judged.ticket_number = tickets.ticket_number
    left join moments
        on
            judged.ticket_number = moments.ticket_number
            and judged.deciding_number = moments.event_number
    left join values_at_breach on judged.run_number = values_at_breach.run_number

)

select * from final
