-- Grain: one duration of an inbound ticket that counts in a KPI: metric × ticket (× turn, for next_response).
-- The date and the dimension values are those of the moment that ended it.
{%- set dimensions = ticket_dimensions() %}

with outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}
    where is_inbound

),

moments as (

    select * from {{ ref('int_ticket_moments') }}

),

turns as (

    select * from {{ ref('int_ticket_turns') }}
    where
        direction = 'inbound'
        and outcome = 'replied'

),

ended as (

    select
        'first_response' as metric,
        source,
        ticket_id,
        first_response_calendar_minutes as calendar_minutes,
        first_response_business_minutes as business_minutes,
        first_response_number as event_number
    from outcomes

    union all

    select
        'first_resolution' as metric,
        source,
        ticket_id,
        first_resolution_calendar_minutes as calendar_minutes,
        first_resolution_business_minutes as business_minutes,
        first_solve_number as event_number
    from outcomes

    union all

    select
        'resolution' as metric,
        source,
        ticket_id,
        resolution_calendar_minutes as calendar_minutes,
        resolution_business_minutes as business_minutes,
        last_solve_number as event_number
    from outcomes

),

durations as (

    select
        ended.metric,
        ended.source,
        ended.ticket_id,
        ended.calendar_minutes,
        ended.business_minutes,
        moments.customer_key,
        moments.happened_date as event_date,
        {%- for dimension in dimensions %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from ended
    inner join moments
        on
            ended.source = moments.source
            and ended.ticket_id = moments.ticket_id
            and ended.event_number = moments.event_number
    where ended.calendar_minutes is not null

    union all

    select
        'next_response' as metric,
        source,
        ticket_id,
        turn_calendar_minutes as calendar_minutes,
        turn_business_minutes as business_minutes,
        customer_key,
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
        ticket_id,
        coalesce(customer_key, concat(source, ':', ticket_id)) as respondent_key,
        event_date,
        calendar_minutes,
        business_minutes,
        ln(1 + calendar_minutes) as calendar_log_minutes,
        ln(1 + business_minutes) as business_log_minutes,
        {%- for dimension in dimensions %}
        {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from durations

)

select * from final
-- The KPIs read the days in turn.
order by event_date
