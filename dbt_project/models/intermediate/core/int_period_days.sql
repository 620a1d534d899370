-- One row per day, grain and slot: the period the day's events count in. Slot `current` maps each day to
-- its own periods; slot `elapsed` maps the days of the comparable period that correspond to the elapsed
-- part of a period that has not ended to the start of that period.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

days as (

    {{ days_of('as_of', 'first_event_date', 'as_of_date') }}

),

current_days as (

    {%- for grain in ['day', 'week', 'month', 'quarter'] %}
    select
        date_day,
        '{{ grain }}' as grain,
        {{ period_start(grain, 'date_day') }} as period_start,
        'current' as slot
    from days

    union all

    {%- endfor %}
    select
        date_day,
        'all' as grain,
        date '1900-01-01' as period_start,
        'current' as slot
    from days

),

-- A day that has not ended has no elapsed part in whole days, so it is compared with nothing.
elapsed_spans as (

    select
        periods.grain,
        periods.period_start,
        periods.previous_period_start as first_date,
        case
            when
                {{ days_between('periods.period_start', 'as_of.as_of_date') }}
                < {{ days_between('periods.previous_period_start', 'periods.period_start') }}
                then {{ add_days(
                    'periods.previous_period_start',
                    days_between('periods.period_start', 'as_of.as_of_date'),
                ) }}
            else {{ add_days('periods.period_start', -1) }}
        end as last_date
    from periods
    cross join as_of
    where
        periods.grain in ('week', 'month', 'quarter')
        and not periods.is_ended

),

elapsed_days as (

    select
        days.date_day,
        elapsed_spans.grain,
        elapsed_spans.period_start,
        'elapsed' as slot
    from days
    inner join elapsed_spans
        on days.date_day between elapsed_spans.first_date and elapsed_spans.last_date

),

slots as (

    select * from current_days
    union all
    select * from elapsed_days

),

months as (

    select * from periods
    where grain = 'month'

),

final as (

    select
        slots.*,
        months.is_ended as is_month_ended
    from slots
    left join months on {{ period_start('month', 'slots.date_day') }} = months.period_start

)

select * from final
