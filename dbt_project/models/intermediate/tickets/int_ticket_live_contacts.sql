-- Grain: one live contact of a published ticket: a call, or a live chat session in which a customer or an agent wrote.
-- The date and the dimension values are those of the moment that ended its waiting: the answer, else its end.
{%- set session_gap_minutes = 30 %}

with spine as (

    select * from {{ ref('int_ticket_spine') }}
    where event_kind in ('reply', 'call', 'handover')

),

live_messages as (

    select * from {{ ref('int_ticket_live_messages') }}

),

tickets as (

    select * from {{ ref('int_tickets') }}

),

history as (

    select * from {{ ref('int_ticket_history') }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

-- A call that names an agent was taken or made, one that names nobody was missed. Who rang at the company, or waited
-- in its queue, asked for an answer; a bot is none.
calls as (

    select
        source,
        ticket_id,
        event_number as contact_number,
        event_number as deciding_number,
        'call' as contact_kind,
        coalesce(author = 'customer', false)
        or (wait_seconds is not null and coalesce(author <> 'bot', true)) as is_offered,
        agent_key is not null or coalesce(author = 'agent', false) as is_answered,
        true as is_over,
        happened_at as ended_at,
        case
            when wait_seconds is not null and not is_date_only
                then {{ add_micros('happened_at', 'round(-1000000 * wait_seconds)') }}
        end as queued_at,
        wait_seconds,
        duration_seconds
    from spine
    where event_kind = 'call'

),

messages as (

    select
        spine.*,
        live_messages.session_id,
        live_messages.session_number
    from spine
    inner join live_messages
        on
            spine.source = live_messages.source
            and spine.event_id = live_messages.event_id

),

sessions as (

    select
        source,
        ticket_id,
        session_id,
        min(event_number) as first_number,
        max(event_number) as last_number,
        max(case when is_touch then event_number end) as answer_number,
        min(happened_at) as started_at,
        max(happened_at) as ended_at,
        max(case when is_touch then happened_at end) as answered_at,
        min(case when is_customer_contact then happened_at end) as first_asked_at,
        max(case when is_touch then session_waiting_since end) as asked_before_answer_at,
        max(case when is_touch then wait_seconds end) as answer_wait_seconds,
        max(wait_seconds) as wait_seconds,
        max(duration_seconds) as duration_seconds,
        bool_or(is_date_only) as is_inexact,
        bool_or(coalesce(author = 'bot', false)) as has_bot
    from messages
    group by
        source,
        ticket_id,
        session_id,
        session_number
    having bool_or(is_customer_contact or coalesce(author = 'agent', false))

),

-- A bot hands over within a session, or at the latest when the next message would be of another one.
handed_over as (

    select
        sessions.source,
        sessions.ticket_id,
        sessions.first_number,
        max(
            case
                when sessions.answered_at is null or spine.happened_at <= sessions.answered_at then spine.happened_at
            end
        ) as handed_over_at
    from sessions
    inner join spine
        on
            sessions.source = spine.source
            and sessions.ticket_id = spine.ticket_id
            and spine.event_kind = 'handover'
            and sessions.started_at <= spine.happened_at
            and {{ add_minutes('sessions.ended_at', session_gap_minutes) }} >= spine.happened_at
    group by
        sessions.source,
        sessions.ticket_id,
        sessions.first_number

),

-- The first thing a customer, or somebody who answered him, said on a ticket with a live session.
first_contacts as (

    select
        spine.source,
        spine.ticket_id,
        min(spine.event_number) as first_contact_number
    from spine
    inner join (
        select distinct
            source,
            ticket_id
        from sessions
    ) as live_tickets
        on
            spine.source = live_tickets.source
            and spine.ticket_id = live_tickets.ticket_id
    where
        spine.is_customer_contact
        or spine.is_touch
    group by
        spine.source,
        spine.ticket_id

),

chats as (

    select
        sessions.source,
        sessions.ticket_id,
        sessions.first_number as contact_number,
        coalesce(sessions.answer_number, sessions.last_number) as deciding_number,
        'chat' as contact_kind,
        -- A session nobody named is told by gaps alone. It asks for an answer at once where it opens the ticket; later
        -- it may as well be a message that can wait.
        (
            sessions.session_id is not null
            or sessions.wait_seconds is not null
            or sessions.first_number <= first_contacts.first_contact_number
        )
        and (sessions.first_asked_at is not null or sessions.wait_seconds is not null)
        -- what a bot takes care of by itself asks nobody
        and (sessions.answer_number is not null or not sessions.has_bot or handed_over.first_number is not null)
            as is_offered,
        sessions.answer_number is not null as is_answered,
        {{ seconds_between('sessions.ended_at', 'as_of.as_of') }} >= {{ session_gap_minutes * 60 }} as is_over,
        coalesce(sessions.answered_at, sessions.ended_at) as ended_at,
        case
            when sessions.is_inexact then null
            when sessions.answer_wait_seconds is not null
                then {{ add_micros('sessions.answered_at', 'round(-1000000 * sessions.answer_wait_seconds)') }}
            else coalesce(
                handed_over.handed_over_at,
                case
                    when sessions.answer_number is null then sessions.first_asked_at
                    else sessions.asked_before_answer_at
                end
            )
        end as queued_at,
        sessions.answer_wait_seconds as wait_seconds,
        sessions.duration_seconds
    from sessions
    cross join as_of
    left join first_contacts
        on
            sessions.source = first_contacts.source
            and sessions.ticket_id = first_contacts.ticket_id
    left join handed_over
        on
            sessions.source = handed_over.source
            and sessions.ticket_id = handed_over.ticket_id
            and sessions.first_number = handed_over.first_number

),

contacts as (

    select * from calls
    union all
    select * from chats

),

decided as (

    select
        *,
        case when is_answered then ended_at end as answered_at,
        case
            when not is_offered then null
            when is_answered then false
            when is_over then true
        end as is_abandoned,
        case
            when is_answered then coalesce(wait_seconds, {{ seconds_between('queued_at', 'ended_at') }})
            else wait_seconds
        end as waited_seconds
    from contacts

),

final as (

    select
        decided.source,
        decided.ticket_id,
        decided.contact_number,
        decided.contact_kind,
        coalesce(tickets.direction, 'inbound') as direction,
        decided.is_offered,
        decided.is_answered,
        decided.is_abandoned,
        decided.queued_at,
        decided.answered_at,
        decided.waited_seconds as wait_seconds,
        case
            when decided.is_abandoned then false
            when decided.is_offered and decided.is_answered
                then decided.waited_seconds <= {{ var('service_level_seconds') }}
        end as is_within_service_level,
        case when decided.is_answered then decided.duration_seconds / 60 end as handle_minutes,
        coalesce(tickets.customer_key, concat(decided.source, ':', decided.ticket_id)) as respondent_key,
        {{ local_date('decided.ended_at') }} as event_date,
        {{- values_in_force(
            'spine', 'history', 'customers', actor='case when decided.is_answered then spine.agent_key end'
        ) }}
        tickets.customer_key
    from decided
    inner join spine
        on
            decided.source = spine.source
            and decided.ticket_id = spine.ticket_id
            and decided.deciding_number = spine.event_number
    inner join tickets
        on
            decided.source = tickets.source
            and decided.ticket_id = tickets.ticket_id
    inner join history
        on
            spine.source = history.source
            and spine.ticket_id = history.ticket_id
            and spine.ticket_version = history.ticket_version
    left join customers
        on {{ in_force('customers', 'tickets.customer_key', 'spine.happened_at') }}

)

select * from final
-- The KPIs read the days in turn.
order by event_date
