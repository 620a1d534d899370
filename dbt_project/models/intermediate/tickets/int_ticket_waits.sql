-- Grain: one published ticket opened by as_of: how long it waited for whom, calendar and business, up to as_of.
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
        source,
        ticket_id,
        {%- for wait, condition in waits.items() %}
        sum(case when {{ condition }} then calendar_micros else 0 end) as {{ wait }}_calendar_micros,
        sum(case when {{ condition }} then business_micros else 0 end) as {{ wait }}_business_micros
        {{- ',' if not loop.last }}
        {%- endfor %}
    from states
    group by
        source,
        ticket_id

),

final as (

    select
        source,
        ticket_id,
        {%- for wait in waits %}
        cast({{ wait }}_calendar_micros as double) / 60000000.0 as {{ wait }}_calendar_minutes,
        {{ business_minutes('0', wait ~ '_business_micros') }} as {{ wait }}_business_minutes
        {{- ',' if not loop.last }}
        {%- endfor %}
    from summed

)

select * from final
