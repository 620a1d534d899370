-- Grain: one source × measure × reason × detail: how many tickets (turns, for next_response) a measure leaves out, and why.

with outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}

),

turns as (

    select * from {{ ref('int_ticket_turns') }}

),

slas as (

    select * from {{ ref('int_ticket_slas') }}

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
        'business_minutes' as measure,
        reason,
        schedule_id as detail
    from unknown_hours

    union all

    select
        source,
        'fcr_rate' as measure,
        fcr_exclusion as reason,
        cast(null as {{ dbt.type_string() }}) as detail
    from outcomes

    union all

    select
        source,
        'next_response' as measure,
        case outcome when 'solved' then 'solved' when 'open' then 'not_replied' end as reason,
        cast(null as {{ dbt.type_string() }}) as detail
    from turns

    union all

    select
        source,
        'sla' as measure,
        reason,
        metric as detail
    from slas

),

final as (

    select
        source,
        measure,
        reason,
        detail,
        count(*) as number_excluded
    from exclusions
    where reason is not null
    group by source, measure, reason, detail

)

select * from final
order by source, measure, reason, detail
