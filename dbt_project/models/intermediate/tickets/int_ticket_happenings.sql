-- Grain: one thing that happened on a published ticket up to as_of, not yet in order.
-- Besides the events (repeats apart) there are rows for the opening, for later versions of the ticket's row and,
-- where a ticket has neither a created nor a status event, for the reply and the resolution its row states.
-- A view: int_ticket_spine alone reads it, once.
{{ config(materialized='view') }}

with tickets as (

    select
        numbers.*,
        as_of.as_of
    from {{ ref('int_ticket_numbers') }} as numbers
    cross join {{ ref('int_as_of') }} as as_of
    where numbers.is_opened

),

all_events as (

    select * from {{ ref('int_ticket_events') }}

),

duplicates as (

    select * from {{ ref('int_ticket_duplicate_events') }}

),

history as (

    select * from {{ ref('int_ticket_history') }}

),

-- On a ticket the company opened nothing is an answer until the customer has said something.
outbound_starts as (

    select
        tickets.ticket_number,
        min(greatest(all_events.occurred_at, tickets.created_at)) as first_contact_at
    from all_events
    inner join tickets
        on
            all_events.source = tickets.source
            and all_events.ticket_id = tickets.ticket_id
            and tickets.direction = 'outbound'
    where
        all_events.occurred_at <= tickets.as_of
        and {{ event_kind('all_events') }} in ('reply', 'call')
        and all_events.actor_role = 'customer'
    group by tickets.ticket_number

),

events as (

    select
        tickets.ticket_number,
        all_events.event_id,
        {{ event_kind('all_events') }} as event_kind,
        -- who did it: the role stated; without one the agent named; else nobody knows
        coalesce(
            all_events.actor_role,
            case when all_events.agent_key is not null then 'agent' end
        ) as author,
        all_events.agent_key,
        case
            when all_events.event_type in ('status', 'satisfaction') then lower(trim(all_events.value))
            else all_events.value
        end as event_value,
        -- what is dated before the ticket opened happened at its opening: the clocks of two systems differ
        greatest(all_events.occurred_at, tickets.created_at) as happened_at,
        all_events.occurred_at_is_date_only as is_date_only,
        all_events.session_id,
        all_events.wait_seconds,
        all_events.duration_seconds,
        all_events.event_type = 'reply'
        and (all_events.session_id is not null or coalesce(tickets.channel, '') = 'chat') as is_live,
        tickets.direction = 'inbound'
        or coalesce(greatest(all_events.occurred_at, tickets.created_at) >= outbound_starts.first_contact_at, false)
            as can_be_answered
    from all_events
    inner join tickets
        on
            all_events.source = tickets.source
            and all_events.ticket_id = tickets.ticket_id
    left join outbound_starts on tickets.ticket_number = outbound_starts.ticket_number
    left join duplicates
        on
            all_events.source = duplicates.source
            and all_events.event_id = duplicates.event_id
    where
        all_events.occurred_at <= tickets.as_of
        and duplicates.event_id is null

),

openings as (

    select
        tickets.ticket_number,
        'opened' as event_kind,
        tickets.created_at as happened_at,
        tickets.created_at_is_date_only as is_date_only,
        history.ticket_version,
        case
            when tickets.has_event_history then 'new'
            -- done at an instant nobody states: in no status at any known time
            when not {{ is_done('tickets.status') }} or tickets.resolved_at is not null then 'open'
        end as event_value,
        coalesce(history.schedule_id, '') as row_schedule
    from tickets
    inner join history
        on
            tickets.ticket_number = history.ticket_number
            and history.ticket_version = 1

),

row_responses as (

    select
        ticket_number,
        'row_response' as event_kind,
        first_responded_at as happened_at,
        first_responded_at_is_date_only as is_date_only,
        cast(null as bigint) as ticket_version,
        cast(null as varchar) as event_value,
        cast(null as varchar) as row_schedule
    from tickets
    where
        not has_event_history
        and first_responded_at <= as_of

),

row_solves as (

    select
        ticket_number,
        'row_solve' as event_kind,
        resolved_at as happened_at,
        resolved_at_is_date_only as is_date_only,
        cast(null as bigint) as ticket_version,
        case when {{ is_done('status') }} then 'solved' end as event_value,
        cast(null as varchar) as row_schedule
    from tickets
    where
        not has_event_history
        and resolved_at <= as_of

),

versions as (

    select
        history.ticket_number,
        'version' as event_kind,
        greatest(history.valid_from, tickets.created_at) as happened_at,
        false as is_date_only,
        history.ticket_version,
        cast(null as varchar) as event_value,
        coalesce(history.schedule_id, '') as row_schedule
    from history
    inner join tickets on history.ticket_number = tickets.ticket_number
    where
        history.ticket_version > 1
        and history.valid_from <= tickets.as_of

),

ticket_rows as (

    select * from openings
    union all
    select * from row_responses
    union all
    select * from row_solves
    union all
    select * from versions

),

happenings as (

    select
        ticket_number,
        event_id,
        event_kind,
        author,
        agent_key,
        event_value,
        happened_at,
        is_date_only,
        session_id,
        wait_seconds,
        duration_seconds,
        cast(null as bigint) as ticket_version,
        cast(null as varchar) as row_schedule,
        is_live,
        event_kind in ('reply', 'call') and coalesce(author = 'customer', false) as is_customer_contact,
        can_be_answered
        and (
            (event_kind = 'reply' and coalesce(author = 'agent', false))
            -- a call is answered by the agent it names, whoever rang; one that names nobody was missed
            or (
                event_kind = 'call'
                and (
                    coalesce(author = 'agent', false)
                    or (coalesce(author = 'customer', false) and agent_key is not null)
                )
            )
        ) as is_human_answer
    from events

    union all

    select
        ticket_number,
        cast(null as varchar) as event_id,
        event_kind,
        cast(null as varchar) as author,
        cast(null as varchar) as agent_key,
        event_value,
        happened_at,
        is_date_only,
        cast(null as varchar) as session_id,
        cast(null as double) as wait_seconds,
        cast(null as double) as duration_seconds,
        ticket_version,
        row_schedule,
        false as is_live,
        false as is_customer_contact,
        false as is_human_answer
    from ticket_rows

),

final as (

    -- The order of what happened on one ticket is (happened_at, event_rank, id_length, event_id). Nothing in it
    -- depends on how or in which order files came. At one instant the rank puts first what the rest supposes:
    -- a message before its answer, an answer before the solve it came with. Then the shorter id, then the
    -- lesser: the order of growing numbers.
    select
        *,
        case
            when event_kind = 'opened' then 0
            when event_kind = 'version' then 1
            when event_kind = 'created' then 2
            when event_kind in ('team', 'assignment', 'priority', 'category', 'schedule') then 3
            when event_kind = 'handover' then 4
            when event_kind in ('reply', 'call', 'note') and not is_human_answer
                then case author when 'customer' then 5 when 'bot' then 6 else 7 end
            when event_kind in ('reply', 'call', 'row_response') then 8
            when event_kind = 'status' and event_value = 'new' then 10
            when event_kind = 'status' and event_value = 'open' then 11
            when event_kind = 'status' and event_value = 'pending' then 12
            when event_kind = 'status' and event_value = 'on_hold' then 13
            when event_kind = 'status' and event_value = 'solved' or event_kind = 'row_solve' then 14
            when event_kind = 'status' and event_value = 'closed' then 15
            when event_kind = 'satisfaction_offered' then 20
            when event_kind = 'satisfaction' then 21
            else 22
        end as event_rank,
        coalesce(length(event_id), ticket_version, 0) as id_length
    from happenings

)

select * from final
