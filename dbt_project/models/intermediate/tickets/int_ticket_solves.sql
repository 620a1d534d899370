-- Grain: one inbound ticket that was ever solved, at its first solve: whether it counts in each rate (null: it does
-- not) and the dimension values then in force.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}
    where is_inbound

),

moments as (

    select * from {{ ref('int_ticket_moments') }}
    where is_first_solve

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

final as (

    select
        outcomes.source,
        outcomes.ticket_number,
        numbers.respondent_key,
        moments.happened_date as event_date,
        outcomes.is_first_contact_resolved,
        outcomes.is_one_touch,
        outcomes.is_reopened_or_followed_up,
        outcomes.is_self_served,
        outcomes.is_auto_solved,
        outcomes.is_bot_contained,
        {%- for dimension in ticket_dimensions() %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from outcomes
    inner join numbers on outcomes.ticket_number = numbers.ticket_number
    inner join moments on outcomes.ticket_number = moments.ticket_number

)

select * from final
