-- Grain: one duration of an inbound ticket that counts in a KPI: metric × ticket (× turn, for next_response).
-- The date and the dimension values are those of the moment that ended it.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}
{%- set dimensions = ticket_dimensions() %}
{%- set last_solve = 'case when ' ~ is_done('status') ~ ' then last_solve_number end' %}

with outcomes {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_outcomes') }}
    where is_inbound

),

moments as (

    select * from {{ ref('int_ticket_moments') }}

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

turns as (

    select * from {{ ref('int_ticket_turns') }}
    where
        direction = 'inbound'
        and outcome = 'replied'

),

-- The waits of a ticket are told when it is solved for good, as far as one knows today.
ended as (

    {%- for metric, event_number in {
        'first_response': 'first_response_number',
        'first_bot_response': 'first_bot_reply_number',
        'first_response_after_handover': 'first_touch_after_handover_number',
        'first_resolution': 'first_solve_number',
        'resolution': 'last_solve_number',
        'requester_wait': last_solve,
        'agent_wait': last_solve,
        'on_hold': last_solve,
        'unassigned': last_solve,
    }.items() %}
    select
        '{{ metric }}' as metric,
        ticket_number,
        {{ metric }}_calendar_minutes as calendar_minutes,
        {{ metric }}_business_minutes as business_minutes,
        {{ event_number }} as event_number
    from outcomes
    {%- if not loop.last %}

    union all

    {%- endif %}
    {%- endfor %}

),

durations as (

    select
        ended.metric,
        ended.ticket_number,
        ended.calendar_minutes,
        ended.business_minutes,
        moments.source,
        numbers.respondent_key,
        moments.happened_date as event_date,
        {%- for dimension in dimensions %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from ended
    inner join moments
        on
            ended.ticket_number = moments.ticket_number
            and ended.event_number = moments.event_number
    inner join numbers on ended.ticket_number = numbers.ticket_number
    where ended.calendar_minutes is not null

    union all

    select
        'next_response' as metric,
        ticket_number,
        turn_calendar_minutes as calendar_minutes,
        turn_business_minutes as business_minutes,
        source,
        respondent_key,
        turn_ended_date as event_date,
        {%- for dimension in dimensions %}
        {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from turns
    where turn_calendar_minutes is not null

),

final as (

    select
        metric,
        source,
        ticket_number,
        respondent_key,
        event_date,
        calendar_minutes,
        business_minutes,
        {%- for dimension in dimensions %}
        {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from durations

)

select * from final
-- The groups the KPIs fill then stay in the cache.
order by event_date
