-- Grain: one published ticket opened by as_of: what its history adds up to.
-- Whether a measure applies (direction, exports without events) is decided in int_ticket_outcomes.

with moments as (

    select * from {{ ref('int_ticket_moments') }}

),

spine {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_spine') }}

),

ticket_values as (

    select * from {{ ref('int_ticket_values') }}

),

told as (

    select
        ticket_number,

        min(case when is_customer_contact then happened_at end) as first_customer_contact_at,
        max(case when event_kind = 'row_response' then happened_at end) as row_response_at,
        max(case when is_first_touch then happened_at end) as first_touch_at,
        max(case when is_first_solve then happened_at end) as first_solved_at,
        max(case when is_last_solve then happened_at end) as last_solved_at,
        min(case when is_reopen then happened_at end) as first_reopened_at,
        min(case when event_kind = 'reply' and author = 'bot' then happened_at end) as first_bot_reply_at,
        min(case when event_kind = 'handover' then happened_at end) as handover_at,
        min(case when is_touch_after_handover then happened_at end) as first_touch_after_handover_at,
        max(case when is_last then status end) as last_status,
        max(case when is_first_solve then author end) as first_solve_author,
        max(case when is_first_touch then wait_seconds end) as first_touch_wait_seconds,
        max(case when is_first_touch then session_waiting_since end) as first_touch_waiting_since,

        min(case when is_customer_contact then event_number end) as first_customer_contact_number,
        min(case when is_customer_contact then turn_number end) as first_customer_contact_turn,
        max(case when event_kind = 'row_response' then event_number end) as row_response_number,
        max(case when is_first_touch then event_number end) as first_touch_number,
        max(case when is_first_bot_reply then event_number end) as first_bot_reply_number,
        min(case when is_touch_after_handover then event_number end) as first_touch_after_handover_number,
        max(case when is_first_solve then event_number end) as first_solve_number,
        max(case when is_last_solve then event_number end) as last_solve_number,
        max(event_number) as last_number,

        max(case when event_kind = 'opened' then open_micros end) as opened_micros,
        min(case when is_customer_contact then open_micros end) as first_customer_contact_micros,
        max(case when event_kind = 'row_response' then open_micros end) as row_response_micros,
        max(case when is_first_touch then open_micros end) as first_touch_micros,
        max(case when is_first_solve then open_micros end) as first_solve_micros,
        max(case when is_last_solve then open_micros end) as last_solve_micros,
        min(case when event_kind = 'reply' and author = 'bot' then open_micros end) as first_bot_reply_micros,
        min(case when event_kind = 'handover' then open_micros end) as handover_micros,
        min(case when is_touch_after_handover then open_micros end) as first_touch_after_handover_micros,

        bool_or(is_first_touch and is_date_only) as is_first_touch_inexact,
        bool_or(event_kind = 'row_response' and is_date_only) as is_row_response_inexact,
        bool_or(is_first_solve and is_date_only) as is_first_solve_inexact,
        bool_or(is_last_solve and is_date_only) as is_last_solve_inexact,
        {{ latest_known("case when event_kind = 'reply' and author = 'bot' then is_date_only end", '-event_number') }}
            as is_bot_reply_inexact,
        {{ latest_known("case when event_kind = 'handover' then is_date_only end", '-event_number') }}
            as is_handover_inexact,
        {{ latest_known('case when is_touch_after_handover then is_date_only end', '-event_number') }}
            as is_touch_after_handover_inexact,
        {{ latest_known('case when is_customer_contact then is_date_only end', '-event_number') }}
            as is_customer_contact_inexact,
        bool_or(event_kind in ('reply', 'call')) as has_messages,

        count(case when is_touch then 1 end) as touch_count,
        count(case when event_kind = 'reply' and author = 'agent' then 1 end) as agent_reply_count,
        count(case when event_kind = 'reply' and author = 'customer' then 1 end) as customer_reply_count,
        count(case when event_kind = 'reply' and author = 'bot' then 1 end) as bot_reply_count,
        count(case when event_kind = 'reply' and author = 'system' then 1 end) as automatic_reply_count,
        count(case when event_kind = 'call' then 1 end) as call_count,
        count(case when is_reopen then 1 end) as reopen_count
    from moments
    group by ticket_number

),

happened as (

    select
        ticket_number,
        bool_or((event_kind = 'opened' or is_transition) and is_date_only) as is_status_inexact,
        bool_or(event_kind = 'assignment' and is_date_only) as is_assignment_inexact,
        bool_or(event_kind = 'assignment') as has_assignments,
        count(case when event_kind = 'note' then 1 end) as note_count,
        count(case when event_kind not in ('opened', 'version', 'row_response', 'row_solve') then 1 end) as event_count,
        bool_or(event_kind = 'satisfaction_offered') as is_satisfaction_offered
    from spine
    group by ticket_number

),

satisfactions as (

    select
        ticket_number,
        {{ latest_known("coalesce(event_value, '')", '-event_number') }} as first_satisfaction_value,
        {{ latest_known("coalesce(event_value, '')", 'event_number') }} as satisfaction_value
    from spine
    where event_kind = 'satisfaction'
    group by ticket_number

),

moves as (

    select
        ticket_number,
        count(case when is_handoff then 1 end) as handoff_count,
        count(case when is_transfer then 1 end) as transfer_count
    from ticket_values
    where
        is_handoff
        or is_transfer
    group by ticket_number

),

final as (

    select
        told.*,
        happened.is_status_inexact,
        happened.is_assignment_inexact,
        happened.has_assignments,
        happened.note_count,
        happened.event_count,
        happened.is_satisfaction_offered,
        satisfactions.first_satisfaction_value,
        satisfactions.satisfaction_value,
        coalesce(moves.handoff_count, 0) as handoff_count,
        coalesce(moves.transfer_count, 0) as transfer_count
    from told
    inner join happened on told.ticket_number = happened.ticket_number
    left join satisfactions on told.ticket_number = satisfactions.ticket_number
    left join moves on told.ticket_number = moves.ticket_number

)

select * from final
