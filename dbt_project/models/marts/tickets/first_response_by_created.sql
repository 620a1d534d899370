-- Grain: one grain × period_start × dimension × dimension_value: first responses of the inbound tickets created in the
-- period, and how many of them nobody has answered yet.

with openings as (

    select * from {{ ref('int_ticket_moments') }}
    where event_kind = 'opened'

),

outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}
    where is_inbound

),

units as (

    select
        openings.source,
        coalesce(openings.customer_key, concat(openings.source, ':', openings.ticket_id)) as respondent_key,
        openings.happened_date as event_date,
        outcomes.first_responded_at is not null as is_replied,
        outcomes.first_response_calendar_minutes as calendar_minutes,
        {%- for dimension in ticket_dimensions() %}
        openings.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from openings
    inner join outcomes
        on
            openings.source = outcomes.source
            and openings.ticket_id = outcomes.ticket_id

),

grouped as (

    {{ grouped_units('units', 'event_date', ticket_dimensions()) }}

),

measures as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        count(*) as n_created,
        sum(case when is_replied then 1 else 0 end) as n_replied,
        sum(case when is_replied then 0 else 1 end) as n_unreplied,
        {{ stable_avg('calendar_minutes') }} as minutes_avg,
        {{ percentiles('calendar_minutes', [0.5, 0.9]) }} as minutes_percentiles
    from grouped
    where slot = 'current'
    group by
        grain,
        period_start,
        dimension,
        dimension_value

),

respondents as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        count(distinct respondent_key) < {{ var('min_n') }} as is_suppressed
    from grouped
    where slot = 'current'
    group by
        grain,
        period_start,
        dimension,
        dimension_value

),

final as (

    select
        measures.grain,
        measures.period_start,
        measures.dimension,
        measures.dimension_value,
        cast(measures.n_created as bigint) as n_created,
        cast(measures.n_replied as bigint) as n_replied,
        cast(measures.n_unreplied as bigint) as n_unreplied,
        respondents.is_suppressed,
        case when not respondents.is_suppressed then measures.minutes_avg end as first_response_calendar_minutes_avg,
        case when not respondents.is_suppressed then {{ nth('measures.minutes_percentiles', 1) }} end
            as first_response_calendar_minutes_median,
        case when not respondents.is_suppressed then {{ nth('measures.minutes_percentiles', 2) }} end
            as first_response_calendar_minutes_p90
    from measures
    inner join respondents
        on
            measures.grain = respondents.grain
            and measures.period_start = respondents.period_start
            and measures.dimension = respondents.dimension
            and measures.dimension_value = respondents.dimension_value

)

select * from final
order by grain, dimension, dimension_value, period_start
