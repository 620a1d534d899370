-- Grain: one published ticket: what it is now, what became of it, and the values in force when it was first answered
-- and when it was solved first and last.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'source': 'source', 'ticket_id': 'ticket_id'}},
    on_schema_change='fail',
) }}
{%- set moments = {
    'first_response': 'first_response_number', 'first_solve': 'first_solve_number', 'last_solve': 'last_solve_number'
} %}

with tickets as (

    select * from {{ ref('int_tickets') }}

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

outcomes {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_outcomes') }}

),

moments as (

    select * from {{ ref('int_ticket_moments') }}
    where
        event_kind = 'row_response'
        or is_first_touch
        or is_first_solve
        or is_last_solve

),

handling as (

    select * from {{ ref('int_ticket_handling') }}

),

measures as (

    select * from {{ ref('int_ticket_measures') }}

),

touched_slas as (

    select * from {{ ref('int_ticket_slas') }}
    where ticket_number in (select ticket_number from numbers)

),

-- Of the turns' next responses the first that was breached stands for the ticket, else the last.
next_responses as (

    select
        *,
        row_number() over (
            partition by ticket_number
            order by
                case when state = 'breached' then turn_number end asc nulls last,
                turn_number desc
        ) as place
    from touched_slas
    where metric = 'next_response'

),

ticket_slas as (

    select
        ticket_number,
        metric,
        state,
        due_at,
        breached_at
    from touched_slas
    where metric <> 'next_response'

    union all

    select
        ticket_number,
        metric,
        state,
        due_at,
        breached_at
    from next_responses
    where place = 1

),

slas as (

    select
        ticket_number,
        {%- for metric in sla_metrics() %}
        {%- set outer = loop %}
        {%- for column in ['state', 'due_at', 'breached_at'] %}
        max(case when metric = '{{ metric }}' then {{ column }} end) as {{ metric }}_sla_{{ column }}
        {{- ',' if not (outer.last and loop.last) }}
        {%- endfor %}
        {%- endfor %}
    from ticket_slas
    group by ticket_number

),

moment_values as (

    select
        outcomes.ticket_number,
        {%- for moment, number in moments.items() %}
        {%- set outer = loop %}
        {%- for column in ['agent', 'team', 'priority', 'category', 'segment'] %}
        max(case when moments.event_number = outcomes.{{ number }} then moments.{{ column }} end) as {{ moment }}_{{ column }}
        {{- ',' if not (outer.last and loop.last) }}
        {%- endfor %}
        {%- endfor %}
    from outcomes
    inner join moments on outcomes.ticket_number = moments.ticket_number
    group by outcomes.ticket_number

),

duplicates as (

    select
        source,
        ticket_id,
        count(*) as duplicate_event_count
    from {{ ref('int_ticket_duplicate_events') }}
    group by
        source,
        ticket_id

),

final as (

    select
        tickets.source,
        tickets.ticket_id,
        tickets.customer_key,
        tickets.channel,
        coalesce(tickets.direction, 'inbound') as direction,
        tickets.category,
        tickets.product,
        tickets.brand,
        tickets.priority,
        tickets.team,
        tickets.agent_key,
        tickets.schedule_id,
        tickets.language,
        tickets.subject,
        tickets.parent_ticket_id,
        tickets.attributes,
        coalesce(outcomes.status, tickets.status) as status,
        tickets.source_sla_met,

        tickets.created_at,
        {{ local_date('tickets.created_at') }} as created_date,
        outcomes.clock_started_at,
        outcomes.first_responded_at,
        {{ local_date('outcomes.first_responded_at') }} as first_responded_date,
        outcomes.first_solved_at,
        {{ local_date('outcomes.first_solved_at') }} as first_solved_date,
        outcomes.resolved_at,
        {{ local_date('outcomes.resolved_at') }} as resolved_date,
        outcomes.first_reopened_at,
        outcomes.first_bot_reply_at,
        outcomes.handover_at,

        {%- for duration in ticket_durations() %}
        outcomes.{{ duration }}_calendar_minutes,
        outcomes.{{ duration }}_business_minutes,
        {%- endfor %}
        outcomes.business_time_gap,
        {%- for metric in sla_metrics() %}
        slas.{{ metric }}_sla_state,
        slas.{{ metric }}_sla_due_at,
        slas.{{ metric }}_sla_breached_at,
        {%- endfor %}
        {%- for column in [
            'touch_count', 'agent_reply_count', 'customer_reply_count', 'bot_reply_count', 'automatic_reply_count',
            'note_count', 'call_count', 'handoff_count', 'transfer_count', 'reopen_count', 'replied_turn_count',
            'solved_turn_count', 'open_turn_count', 'event_count',
        ] %}
        cast(outcomes.{{ column }} as bigint) as {{ column }},
        {%- endfor %}
        {%- for column in [
            'live_session_count', 'abandoned_contact_count', 'escalation_count', 'resolution_count',
        ] %}
        cast(handling.{{ column }} as bigint) as {{ column }},
        {%- endfor %}
        handling.speed_of_answer_seconds,
        handling.handle_minutes,
        cast(coalesce(duplicates.duplicate_event_count, 0) as bigint) as duplicate_event_count,

        coalesce(outcomes.has_event_history, false) as has_event_history,
        coalesce(outcomes.has_status_mismatch, false) as has_status_mismatch,
        outcomes.is_one_touch,
        case when outcomes.is_inbound and outcomes.first_solved_at is not null then outcomes.touch_count = 0 end
            as is_zero_touch,
        case when outcomes.is_inbound then outcomes.first_responded_at is null end as is_unreplied,
        coalesce(outcomes.handover_at is not null, false) as is_handed_over,
        outcomes.is_first_contact_resolved,
        outcomes.fcr_exclusion,
        outcomes.is_reopened,
        outcomes.is_reopened_or_followed_up,
        outcomes.is_self_served,
        outcomes.is_bot_contained,
        outcomes.is_auto_solved,
        coalesce(outcomes.is_satisfaction_offered, false) as is_satisfaction_offered,
        coalesce(outcomes.is_satisfaction_answered, false) as is_satisfaction_answered,
        coalesce(outcomes.is_satisfaction_changed, false) as is_satisfaction_changed,
        nullif(measures.first_satisfaction_value, '') as first_satisfaction_value,
        outcomes.satisfaction_value,
        {%- for moment in moments %}
        {%- for column in ['agent', 'team', 'priority', 'category', 'segment'] %}
        moment_values.{{ moment }}_{{ column }},
        {%- endfor %}
        {%- endfor %}
        numbers.ticket_number
    from tickets
    inner join numbers
        on
            tickets.source = numbers.source
            and tickets.ticket_id = numbers.ticket_id
    left join outcomes on numbers.ticket_number = outcomes.ticket_number
    left join handling on numbers.ticket_number = handling.ticket_number
    left join measures on numbers.ticket_number = measures.ticket_number
    left join slas on numbers.ticket_number = slas.ticket_number
    left join duplicates
        on
            tickets.source = duplicates.source
            and tickets.ticket_id = duplicates.ticket_id
    left join moment_values on numbers.ticket_number = moment_values.ticket_number

)

select {{ contract_columns() }} from final
order by ticket_number
