-- Grain: one thing that happened on a published ticket up to as_of, not yet in order.
-- Besides the events (repeats apart) there are rows for the opening, for later versions of the ticket's row and,
-- where a ticket has neither a created nor a status event, for the reply and the resolution its row states.

with tickets as (

    select * from {{ ref('int_tickets') }}

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

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

recorded_tickets as (

    select distinct
        all_events.source,
        all_events.ticket_id
    from all_events
    cross join as_of
    where
        all_events.event_type in ('created', 'status')
        and all_events.occurred_at <= as_of.as_of

),

opened_tickets as (

    select
        tickets.*,
        as_of.as_of,
        recorded_tickets.ticket_id is not null as has_event_history
    from tickets
    cross join as_of
    left join recorded_tickets
        on
            tickets.source = recorded_tickets.source
            and tickets.ticket_id = recorded_tickets.ticket_id
    where tickets.created_at <= as_of.as_of

),

events as (

    select
        all_events.source,
        all_events.ticket_id,
        opened_tickets.direction,
        all_events.event_id,
        -- what the customer sees is a reply, what not a note, whatever the source calls it
        case
            when all_events.event_type in ('reply', 'note') then case when all_events.is_public then 'reply' else 'note' end
            when all_events.event_type = 'call' and not all_events.is_public then 'other'
            else all_events.event_type
        end as event_kind,
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
        greatest(all_events.occurred_at, opened_tickets.created_at) as happened_at,
        all_events.occurred_at_is_date_only as is_date_only,
        all_events.session_id,
        all_events.wait_seconds,
        all_events.duration_seconds,
        all_events.event_type = 'reply'
        and (all_events.session_id is not null or coalesce(opened_tickets.channel, '') = 'chat') as is_live
    from all_events
    inner join opened_tickets
        on
            all_events.source = opened_tickets.source
            and all_events.ticket_id = opened_tickets.ticket_id
    left join duplicates
        on
            all_events.source = duplicates.source
            and all_events.event_id = duplicates.event_id
    where
        all_events.occurred_at <= opened_tickets.as_of
        and duplicates.event_id is null

),

outbound_starts as (

    select
        source,
        ticket_id,
        min(happened_at) as first_contact_at
    from events
    where
        direction = 'outbound'
        and event_kind in ('reply', 'call')
        and author = 'customer'
    group by
        source,
        ticket_id

),

openings as (

    select
        opened_tickets.source,
        opened_tickets.ticket_id,
        'opened' as event_kind,
        opened_tickets.created_at as happened_at,
        opened_tickets.created_at_is_date_only as is_date_only,
        history.ticket_version,
        case
            when opened_tickets.has_event_history then 'new'
            -- done at an instant nobody states: in no status at any known time
            when not {{ is_done('opened_tickets.status') }} or opened_tickets.resolved_at is not null then 'open'
        end as event_value,
        coalesce(history.schedule_id, '') as row_schedule
    from opened_tickets
    inner join history
        on
            opened_tickets.source = history.source
            and opened_tickets.ticket_id = history.ticket_id
            and history.ticket_version = 1

),

row_responses as (

    select
        source,
        ticket_id,
        'row_response' as event_kind,
        first_responded_at as happened_at,
        first_responded_at_is_date_only as is_date_only,
        cast(null as bigint) as ticket_version,
        cast(null as varchar) as event_value,
        cast(null as varchar) as row_schedule
    from opened_tickets
    where
        not has_event_history
        and first_responded_at <= as_of

),

row_solves as (

    select
        source,
        ticket_id,
        'row_solve' as event_kind,
        resolved_at as happened_at,
        resolved_at_is_date_only as is_date_only,
        cast(null as bigint) as ticket_version,
        case when {{ is_done('status') }} then 'solved' end as event_value,
        cast(null as varchar) as row_schedule
    from opened_tickets
    where
        not has_event_history
        and resolved_at <= as_of

),

versions as (

    select
        history.source,
        history.ticket_id,
        'version' as event_kind,
        greatest(history.valid_from, opened_tickets.created_at) as happened_at,
        false as is_date_only,
        history.ticket_version,
        cast(null as varchar) as event_value,
        coalesce(history.schedule_id, '') as row_schedule
    from history
    inner join opened_tickets
        on
            history.source = opened_tickets.source
            and history.ticket_id = opened_tickets.ticket_id
    where
        history.ticket_version > 1
        and history.valid_from <= opened_tickets.as_of

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
        events.source,
        events.ticket_id,
        events.event_id,
        events.event_kind,
        events.author,
        events.agent_key,
        events.event_value,
        events.happened_at,
        events.is_date_only,
        events.session_id,
        events.wait_seconds,
        events.duration_seconds,
        cast(null as bigint) as ticket_version,
        cast(null as varchar) as row_schedule,
        events.is_live,
        events.event_kind in ('reply', 'call') and coalesce(events.author = 'customer', false) as is_customer_contact,
        (
            (events.event_kind = 'reply' and coalesce(events.author = 'agent', false))
            -- a call is answered by the agent it names, whoever rang; one that names nobody was missed
            or (
                events.event_kind = 'call'
                and (coalesce(events.author = 'agent', false)
                    or (coalesce(events.author = 'customer', false) and events.agent_key is not null))
            )
        )
        -- on a ticket the company opened nothing is an answer until the customer has said something
        and (
            coalesce(events.direction, 'inbound') = 'inbound'
            or coalesce(events.happened_at >= outbound_starts.first_contact_at, false)
        ) as is_human_answer
    from events
    left join outbound_starts
        on
            events.source = outbound_starts.source
            and events.ticket_id = outbound_starts.ticket_id

    union all

    select
        source,
        ticket_id,
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
