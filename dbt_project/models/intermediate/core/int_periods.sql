-- One row per grain and period between the first event and as_of, `all` included.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

days as (

    {{ days_of('as_of', 'first_event_date', 'as_of_date') }}

),

periods as (

    {%- for grain in ['day', 'week', 'month', 'quarter'] %}
    select distinct
        '{{ grain }}' as grain,
        {{ period_start(grain, 'date_day') }} as period_start
    from days

    union all

    {%- endfor %}
    select
        'all' as grain,
        date '1900-01-01' as period_start
    from as_of
    where as_of is not null

),

bounded as (

    select
        periods.grain,
        periods.period_start,
        case periods.grain
            when 'day' then {{ add_days('periods.period_start', 1) }}
            when 'week' then {{ add_days('periods.period_start', 7) }}
            when 'month' then {{ add_months('periods.period_start', 1) }}
            when 'quarter' then {{ add_months('periods.period_start', 3) }}
            when 'all' then {{ add_days('as_of.as_of_date', 1) }}
        end as period_end,
        case periods.grain
            when 'day' then {{ add_days('periods.period_start', -7) }}
            when 'week' then {{ add_days('periods.period_start', -7) }}
            when 'month' then {{ add_months('periods.period_start', -1) }}
            when 'quarter' then {{ add_months('periods.period_start', -3) }}
        end as previous_period_start,
        case
            when periods.grain in ('day', 'week') then {{ add_days('periods.period_start', -364) }}
            when periods.grain in ('month', 'quarter') then {{ add_months('periods.period_start', -12) }}
        end as yoy_period_start,
        as_of.as_of
    from periods
    cross join as_of

),

final as (

    select
        grain,
        period_start,
        period_end,
        previous_period_start,
        yoy_period_start,
        {{ local_midnight('period_end') }} <= as_of as is_ended
    from bounded

)

select * from final
