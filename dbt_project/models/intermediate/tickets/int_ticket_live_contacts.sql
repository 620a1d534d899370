-- Grain: one live contact of a published ticket: a call, or a live chat session in which a customer or an agent wrote.
-- The date and the dimension values are those of the moment that ended its waiting: the answer, else its end.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}
{%- set session_gap_minutes = 30 %}

with moments {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_moments') }}

),

tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

-- A call that names an agent was taken or made, one that names nobody was missed. Who rang at the company, or waited
-- in its queue, asked for an answer; a bot is none.
calls as (

    select
        ticket_number,
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
    from moments
    where event_kind = 'call'

),

sessions as (

    select
        ticket_number,
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
    from moments
    where session_number is not null
    group by
        ticket_number,
        session_id,
        session_number
    having bool_or(is_customer_contact or coalesce(author = 'agent', false))

),

-- A bot hands over within a session, or at the latest when the next message would be of another one.
handed_over as (

    select
        sessions.ticket_number,
        sessions.first_number,
        max(
            case
                when sessions.answered_at is null or moments.happened_at <= sessions.answered_at then moments.happened_at
            end
        ) as handed_over_at
    from sessions
    inner join moments
        on
            sessions.ticket_number = moments.ticket_number
            and moments.event_kind = 'handover'
            and sessions.started_at <= moments.happened_at
            and {{ add_minutes('sessions.ended_at', session_gap_minutes) }} >= moments.happened_at
    group by
        sessions.ticket_number,
        sessions.first_number

),

-- The first thing a customer, or somebody who answered him, said on a ticket with a live session.
first_contacts as (

    select
        moments.ticket_number,
        min(moments.event_number) as first_contact_number
    from moments
    inner join (
        select distinct ticket_number
        from sessions
    ) as live_tickets
        on moments.ticket_number = live_tickets.ticket_number
    where
        moments.is_customer_contact
        or moments.is_touch
    group by moments.ticket_number

),

chats as (

    select
        sessions.ticket_number,
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
    left join first_contacts on sessions.ticket_number = first_contacts.ticket_number
    left join handed_over
        on
            sessions.ticket_number = handed_over.ticket_number
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
        tickets.source,
        tickets.ticket_id,
        decided.contact_number,
        decided.contact_kind,
        tickets.direction,
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
        tickets.respondent_key,
        {{ local_date('decided.ended_at') }} as event_date,
        {%- for dimension in ticket_dimensions() if dimension != 'agent' %}
        moments.{{ dimension }},
        {%- endfor %}
        coalesce(case when decided.is_answered then moments.agent_key end, moments.assignee) as agent,
        tickets.customer_key,
        decided.ticket_number
    from decided
    inner join moments
        on
            decided.ticket_number = moments.ticket_number
            and decided.deciding_number = moments.event_number
    inner join tickets on decided.ticket_number = tickets.ticket_number

)

select * from final
-- The KPIs read the days in turn.
order by event_date
