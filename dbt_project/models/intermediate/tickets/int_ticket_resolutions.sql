-- Grain: one inbound ticket that is solved at as_of, at its last solve: what it took, over its whole life, and the
-- dimension values then in force.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}
    where is_inbound

),

handling as (

    select * from {{ ref('int_ticket_handling') }}

),

moments as (

    select * from {{ ref('int_ticket_moments') }}
    where is_last_solve

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
        outcomes.agent_reply_count,
        outcomes.touch_count,
        outcomes.handoff_count,
        outcomes.transfer_count,
        handling.escalation_count,
        handling.escalation_count > 0 as is_escalated,
        {%- for dimension in ticket_dimensions() %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from outcomes
    inner join numbers on outcomes.ticket_number = numbers.ticket_number
    inner join handling on outcomes.ticket_number = handling.ticket_number
    inner join moments on outcomes.ticket_number = moments.ticket_number
    where outcomes.resolved_at is not null

)

select * from final
