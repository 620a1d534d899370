-- Grain: one published ticket opened by as_of: how long it waited for whom, calendar and business, up to as_of, and what
-- its business clock reads then.
{%- set waits = {
    'requester_wait': "status in ('new', 'open', 'on_hold')",
    'agent_wait': "status = 'pending'",
    'on_hold': "status = 'on_hold'",
    'unassigned': "not coalesce(" ~ is_done('status') ~ ", true) and coalesce(assignee, '') = ''",
} %}

with states as (

    select
        *,
        {{ micros_between('started_at', 'ended_at') }} as calendar_micros,
        case when ended_at = started_at then 0 else coalesce(ended_micros - started_micros, {{ unknown_open_micros() }}) end
            as business_micros
    from {{ ref('int_ticket_states') }}

),

summed as (

    select
        ticket_number,
        max(case when is_last then ended_micros end) as as_of_micros,
        max(business_time_gap) as business_time_gap,
        {%- for wait, condition in waits.items() %}
        sum(case when {{ condition }} then calendar_micros else 0 end) as {{ wait }}_calendar_micros,
        sum(case when {{ condition }} then business_micros else 0 end) as {{ wait }}_business_micros
        {{- ',' if not loop.last }}
        {%- endfor %}
    from states
    group by ticket_number

),

final as (

    select
        ticket_number,
        as_of_micros,
        business_time_gap,
        {%- for wait in waits %}
        cast({{ wait }}_calendar_micros as double) / 60000000.0 as {{ wait }}_calendar_minutes,
        {{ business_minutes('0', wait ~ '_business_micros') }} as {{ wait }}_business_minutes
        {{- ',' if not loop.last }}
        {%- endfor %}
    from summed

)

select * from final
