-- Grain: one grain × period_start × dimension × dimension_value: first responses of the inbound tickets created in the
-- period, and how many of them nobody has answered yet.
{{ config(**kept_by_period('first_response_by_created')) }}

with units as (

    {{ units_of('first_response_by_created', 'units') }}

),

sums as (

    {{ grouped_measures('units', 'event_date', ticket_dimensions(), {
        'n_replied': units_where('is_replied'),
        'minutes_n': units_where('calendar_minutes is not null'),
        'minutes_sum': total_of('calendar_minutes'),
    }) }}

),

group_percentiles as (

    select * from {{ ref('int_first_response_percentiles') }}

),

final as (

    select
        sums.grain,
        sums.period_start,
        sums.dimension,
        sums.dimension_value,
        sums.n as n_created,
        sums.n_replied,
        sums.n - sums.n_replied as n_unreplied,
        sums.is_few as is_suppressed,
        case when not sums.is_few then sums.minutes_sum / nullif(sums.minutes_n, 0) end
            as first_response_calendar_minutes_avg,
        case when not sums.is_few then {{ nth('group_percentiles.calendar_minutes_percentiles', 1) }} end
            as first_response_calendar_minutes_median,
        case when not sums.is_few then {{ nth('group_percentiles.calendar_minutes_percentiles', 2) }} end
            as first_response_calendar_minutes_p90
    from sums
    inner join group_percentiles
        on
            sums.grain = group_percentiles.grain
            and sums.period_start = group_percentiles.period_start
            and sums.slot = group_percentiles.slot
            and sums.dimension = group_percentiles.dimension
            and sums.dimension_value = group_percentiles.dimension_value
    where sums.slot = 'current'

)

select * from final
order by grain, dimension, dimension_value, period_start
