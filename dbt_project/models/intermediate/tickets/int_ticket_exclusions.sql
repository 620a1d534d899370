-- Grain: one thing a measure leaves out: a ticket (a turn, for next_response) and why.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}

),

turns as (

    select * from {{ ref('int_ticket_turns') }}

),

slas as (

    select * from {{ ref('int_ticket_slas') }}
    where ticket_number in (select ticket_number from {{ ref('int_touched_tickets') }})

),

states as (

    select * from {{ ref('int_ticket_states') }}

),

unknown_hours as (

    select distinct
        numbers.source,
        states.ticket_number,
        states.schedule_id,
        states.business_time_gap as reason
    from states
    inner join {{ ref('int_ticket_numbers') }} as numbers on states.ticket_number = numbers.ticket_number
    where states.business_time_gap is not null

),

exclusions as (

    select
        source,
        ticket_number,
        'business_minutes' as measure,
        reason,
        schedule_id as detail
    from unknown_hours

    union all

    select
        source,
        ticket_number,
        'fcr_rate' as measure,
        fcr_exclusion as reason,
        cast(null as {{ dbt.type_string() }}) as detail
    from outcomes

    union all

    select
        source,
        ticket_number,
        'next_response' as measure,
        case outcome when 'solved' then 'solved' when 'open' then 'not_replied' end as reason,
        cast(null as {{ dbt.type_string() }}) as detail
    from turns

    union all

    select
        source,
        ticket_number,
        'sla' as measure,
        reason,
        metric as detail
    from slas

),

final as (

    select * from exclusions
    where reason is not null

)

select * from final
