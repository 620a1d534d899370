-- Grain: one published ticket: its durations, counts and flags, each null where it does not apply or is not known.

{%- set window_seconds = var('fcr_window_days') * 86400 %}

with tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

measures as (

    select * from {{ ref('int_ticket_measures') }}

),

waits as (

    select * from {{ ref('int_ticket_waits') }}

),

queues as (

    select * from {{ ref('int_ticket_queues') }}

),

recontacts as (

    select * from {{ ref('int_ticket_recontacts') }}

),

turns as (

    select
        ticket_number,
        {{ stable_avg("case when outcome = 'replied' then turn_calendar_minutes end") }} as next_response_calendar_minutes,
        case
            when count(case when outcome = 'replied' then turn_calendar_minutes end)
                = count(case when outcome = 'replied' then turn_business_minutes end)
                then {{ stable_avg("case when outcome = 'replied' then turn_business_minutes end") }}
        end as next_response_business_minutes,
        sum(case when outcome = 'replied' then 1 else 0 end) as replied_turn_count,
        sum(case when outcome = 'solved' then 1 else 0 end) as solved_turn_count,
        sum(case when outcome = 'open' then 1 else 0 end) as open_turn_count
    from {{ ref('int_ticket_turns') }}
    group by ticket_number

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

joined as (

    select
        measures.*,
        tickets.source,
        tickets.has_event_history,
        tickets.created_at,
        tickets.customer_key,
        tickets.channel,
        tickets.agent_key,
        tickets.status as row_status,
        tickets.resolved_at as row_resolved_at,
        tickets.reopen_count as row_reopen_count,
        tickets.direction = 'inbound' as is_inbound,
        tickets.created_at_is_date_only,
        recontacts.first_follow_up_at,
        recontacts.next_contact_at,
        waits.as_of_micros,
        waits.business_time_gap,
        waits.requester_wait_calendar_minutes,
        waits.requester_wait_business_minutes,
        waits.agent_wait_calendar_minutes,
        waits.agent_wait_business_minutes,
        waits.on_hold_calendar_minutes,
        waits.on_hold_business_minutes,
        waits.unassigned_calendar_minutes,
        waits.unassigned_business_minutes,
        queues.open_micros as queue_micros,
        turns.next_response_calendar_minutes,
        turns.next_response_business_minutes,
        coalesce(turns.replied_turn_count, 0) as replied_turn_count,
        coalesce(turns.solved_turn_count, 0) as solved_turn_count,
        coalesce(turns.open_turn_count, 0) as open_turn_count,
        as_of.as_of,
        tickets.has_event_history or measures.has_messages as is_touch_count_known
    from measures
    cross join as_of
    inner join tickets on measures.ticket_number = tickets.ticket_number
    left join waits on measures.ticket_number = waits.ticket_number
    left join queues on measures.ticket_number = queues.ticket_number
    left join recontacts on measures.ticket_number = recontacts.ticket_number
    left join turns on measures.ticket_number = turns.ticket_number

),

clocked as (

    select
        *,
        -- the clock of a ticket the company opened starts when the customer first says something
        case when is_inbound then created_at else first_customer_contact_at end as clock_started_at,
        case when is_inbound then opened_micros else first_customer_contact_micros end as clock_started_micros,
        case when is_inbound then created_at_is_date_only else is_customer_contact_inexact end as is_clock_inexact,
        coalesce(row_response_at, first_touch_at) as first_responded_at,
        case
            when row_response_at is not null then row_response_micros else first_touch_micros
        end as first_responded_micros,
        case
            when row_response_at is not null then is_row_response_inexact
            else is_first_touch_inexact
        end as is_first_response_inexact,
        -- a live contact waits in a queue, unless it came after a message that was left waiting
        row_response_at is null
        and channel in ('chat', 'phone')
        and (
            first_customer_contact_at is null
            or first_customer_contact_at >= coalesce(first_touch_waiting_since, first_touch_at)
        ) as is_first_response_live,
        case when has_event_history then last_status else row_status end as status,
        case
            when has_event_history then reopen_count
            else coalesce(
                row_reopen_count,
                -- a resolution of a ticket that is not solved now was taken back
                case when row_resolved_at <= as_of and not {{ is_done('row_status') }} then 1 end
            )
        end as known_reopen_count,
        {{ seconds_between('first_solved_at', 'as_of') }} >= {{ window_seconds }} as is_window_passed,
        case
            when has_event_history
                then {{ seconds_between('first_solved_at', 'first_reopened_at') }} <= {{ window_seconds }}
        end as is_reopen_in_window,
        {{ seconds_between('first_solved_at', 'first_follow_up_at') }} <= {{ window_seconds }} as is_followed_up,
        {{ seconds_between('first_solved_at', 'next_contact_at') }} <= {{ window_seconds }} as is_contact_in_window
    from joined

),

judged as (

    select
        *,
        is_inbound and first_solved_at is not null as is_solved_inbound,
        case
            when has_event_history then coalesce(is_reopen_in_window, false)
            else known_reopen_count > 0
        end as is_reopened_early,
        coalesce(is_followed_up, false) or coalesce(is_contact_in_window, false) as is_contacted_again
    from clocked

),

final as (

    select
        source,
        ticket_number,
        is_inbound,
        has_event_history,
        status,
        case when has_event_history then status <> row_status else false end as has_status_mismatch,
        clock_started_at,
        first_responded_at,
        first_solved_at,
        case when {{ is_done('status') }} then last_solved_at end as resolved_at,
        first_reopened_at,
        first_bot_reply_at,
        handover_at,
        case when is_inbound then 1 else first_customer_contact_number end as clock_started_number,
        case when is_inbound then 0 else first_customer_contact_turn end as clock_started_turn,
        clock_started_micros,
        last_solve_micros,
        as_of_micros,
        is_clock_inexact,
        is_status_inexact,
        coalesce(row_response_number, first_touch_number) as first_response_number,
        first_bot_reply_number,
        first_touch_after_handover_number,
        first_solve_number,
        last_solve_number,
        last_number,

        case
            when is_first_response_live and first_touch_wait_seconds is not null then first_touch_wait_seconds / 60
            when is_first_response_live and first_touch_waiting_since is not null then
                {{ duration_minutes(
                    'first_touch_waiting_since', 'first_responded_at',
                    'is_first_response_inexact or is_customer_contact_inexact',
                ) }}
            else {{ duration_minutes(
                'clock_started_at', 'first_responded_at', 'is_clock_inexact or is_first_response_inexact'
            ) }}
        end as first_response_calendar_minutes,
        case
            when is_first_response_live and first_touch_wait_seconds is not null then
                {{ business_minutes('queue_micros', 'first_responded_micros', 'is_first_response_inexact') }}
            when is_first_response_live and first_touch_waiting_since is not null then
                {{ business_minutes(
                    'queue_micros', 'first_responded_micros',
                    'is_first_response_inexact or is_customer_contact_inexact',
                ) }}
            else {{ business_minutes(
                'clock_started_micros', 'first_responded_micros', 'is_clock_inexact or is_first_response_inexact'
            ) }}
        end as first_response_business_minutes,
        {%- for name, earlier, later, inexact in [
            ['first_bot_response', 'clock_started', 'first_bot_reply', 'is_clock_inexact or is_bot_reply_inexact'],
            ['first_response_after_handover', 'handover', 'first_touch_after_handover',
             'is_handover_inexact or is_touch_after_handover_inexact'],
        ] %}
        {{ duration_minutes(earlier ~ '_at', later ~ '_at', inexact) }} as {{ name }}_calendar_minutes,
        {{ business_minutes(earlier ~ '_micros', later ~ '_micros', inexact) }} as {{ name }}_business_minutes,
        {%- endfor %}
        next_response_calendar_minutes,
        next_response_business_minutes,
        {%- for clock, ends, minutes in [
            ['calendar', ['clock_started_at', 'first_solved_at', 'last_solved_at'], duration_minutes],
            ['business', ['clock_started_micros', 'first_solve_micros', 'last_solve_micros'], business_minutes],
        ] %}
        case
            when first_solved_at < clock_started_at then null
            -- a row states its last resolution alone: of a ticket reopened since, the first is not known
            when not has_event_history and known_reopen_count > 0 then null
            else {{ minutes(ends[0], ends[1], 'is_clock_inexact or is_first_solve_inexact') }}
        end as first_resolution_{{ clock }}_minutes,
        case
            when last_solved_at < clock_started_at then null
            when {{ is_done('status') }} then
                {{ minutes(ends[0], ends[2], 'is_clock_inexact or is_last_solve_inexact') }}
        end as resolution_{{ clock }}_minutes,
        {%- for wait in ['requester_wait', 'agent_wait', 'on_hold'] %}
        case
            when has_event_history and not is_status_inexact then {{ wait }}_{{ clock }}_minutes
        end as {{ wait }}_{{ clock }}_minutes,
        {%- endfor %}
        case
            when
                has_event_history
                and not is_status_inexact
                and not is_assignment_inexact
                -- an assignee nobody ever assigned came at an instant nobody states
                and (has_assignments or agent_key is null)
                then unassigned_{{ clock }}_minutes
        end as unassigned_{{ clock }}_minutes,
        {%- endfor %}
        business_time_gap,

        case when is_touch_count_known then touch_count end as touch_count,
        case when is_touch_count_known then agent_reply_count end as agent_reply_count,
        case when is_touch_count_known then customer_reply_count end as customer_reply_count,
        case when is_touch_count_known then bot_reply_count end as bot_reply_count,
        case when is_touch_count_known then automatic_reply_count end as automatic_reply_count,
        case when is_touch_count_known then note_count end as note_count,
        case when is_touch_count_known then call_count end as call_count,
        case when has_event_history then handoff_count end as handoff_count,
        case when has_event_history then transfer_count end as transfer_count,
        known_reopen_count as reopen_count,
        event_count,
        replied_turn_count,
        solved_turn_count,
        open_turn_count,

        known_reopen_count > 0 as is_reopened,
        is_satisfaction_offered,
        satisfaction_value is not null as is_satisfaction_answered,
        coalesce(satisfaction_value <> first_satisfaction_value, false) as is_satisfaction_changed,
        nullif(satisfaction_value, '') as satisfaction_value,
        case when first_solved_at is not null then coalesce(first_solve_author = 'system', false) end as is_auto_solved,

        -- each rate: true or false where the ticket counts, null where it does not
        case
            when is_solved_inbound and is_touch_count_known and touch_count > 0 then touch_count = 1
        end as is_one_touch,
        case
            when
                is_solved_inbound and is_window_passed and is_touch_count_known and touch_count > 0
                and customer_key is not null and is_reopened_early is not null
                then touch_count = 1 and not is_reopened_early and not is_contacted_again
        end as is_first_contact_resolved,
        case
            when is_solved_inbound and is_window_passed and is_reopened_early is not null
                then is_reopened_early or coalesce(is_followed_up, false)
        end as is_reopened_or_followed_up,
        case
            when is_solved_inbound and is_touch_count_known
                then touch_count = 0 and coalesce(first_solve_author in ('customer', 'bot'), false)
        end as is_self_served,
        case
            when
                is_solved_inbound and is_window_passed and is_touch_count_known and bot_reply_count > 0
                and customer_key is not null and is_reopened_early is not null
                then
                    touch_count = 0
                    and coalesce(first_solve_author in ('customer', 'bot'), false)
                    and not is_reopened_early
                    and not is_contacted_again
        end as is_bot_contained,
        case
            when not is_inbound then 'outbound'
            when first_solved_at is null then 'not_solved'
            when not is_touch_count_known then 'touches_unknown'
            when touch_count = 0 then 'no_touch'
            when customer_key is null then 'no_customer'
            when is_reopened_early is null then 'reopens_unknown'
            when not is_window_passed then 'window_open'
        end as fcr_exclusion
    from judged

)

select * from final
