-- Grain: one public message of a live session (chat), with its place in the session.
-- A session is the messages with one session_id; those without one belong together while no gap exceeds 30 minutes.
{%- set session_window %}
partition by ticket_number, session_id, session_number
            order by event_number
            rows between unbounded preceding and 1 preceding
{%- endset %}

with messages as (

    select
        ticket_number,
        event_number,
        session_id,
        happened_at,
        is_human_answer,
        is_customer_contact,
        lag(happened_at) over (partition by ticket_number, session_id order by event_number) as previous_message_at
    from {{ ref('int_ticket_spine') }}
    where
        is_live
        and event_kind = 'reply'

),

sessions as (

    select
        *,
        sum(
            case
                when session_id is null and {{ seconds_between('previous_message_at', 'happened_at') }} > 1800 then 1
                else 0
            end
        ) over (
            partition by ticket_number, session_id
            order by event_number
            rows between unbounded preceding and current row
        ) as session_number
    from messages

),

final as (

    select
        ticket_number,
        event_number,
        session_id,
        session_number,
        coalesce(sum(case when is_human_answer then 1 else 0 end) over ({{ session_window }}), 0) > 0
            as is_session_answered,
        min(case when is_customer_contact then happened_at end) over ({{ session_window }})
            as session_waiting_since
    from sessions

)

select * from final
