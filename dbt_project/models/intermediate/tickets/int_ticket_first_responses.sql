-- Grain: one inbound ticket at its opening: whether and when it was first answered.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with openings as (

    select * from {{ ref('int_ticket_moments') }}
    where event_kind = 'opened'

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}
    where is_inbound

),

final as (

    select
        openings.ticket_number,
        numbers.respondent_key,
        openings.happened_date as event_date,
        outcomes.first_responded_at is not null as is_replied,
        outcomes.first_response_calendar_minutes as calendar_minutes,
        {%- for dimension in ticket_dimensions() %}
        openings.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from openings
    inner join numbers on openings.ticket_number = numbers.ticket_number
    inner join outcomes on openings.ticket_number = outcomes.ticket_number

)

select * from final
