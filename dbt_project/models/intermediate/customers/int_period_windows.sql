-- One row per grain (week, month, quarter, all), period_start and slot that has begun by as_of: the first and
-- last day of what is counted in it, for measures of how things stand on a day; and its number in the order periods end.
with period_days as (

    select * from {{ ref('int_period_days') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

bounds as (

    select
        grain,
        period_start,
        slot,
        min(date_day) as first_data_day,
        max(date_day) as last_day
    from period_days
    where grain in ('week', 'month', 'quarter', 'all')
    group by grain, period_start, slot

),

-- The days begin with the data; a period begins with its calendar.
calendar as (

    select
        grain,
        period_start,
        slot,
        case
            when grain = 'all' then first_data_day
            when slot = 'current' then period_start
            when grain = 'week' then {{ period_start('week', 'first_data_day') }}
            when grain = 'month' then {{ period_start('month', 'first_data_day') }}
            when grain = 'quarter' then {{ period_start('quarter', 'first_data_day') }}
        end as first_day,
        last_day
    from bounds

),

ends as (

    select
        *,
        max(last_day) over (partition by grain, period_start) as ends_on
    from calendar

),

-- Over all time a customer is described as of now, else as the period began.
final as (

    select
        ends.grain,
        ends.period_start,
        ends.slot,
        ends.first_day,
        ends.last_day,
        case
            when ends.grain = 'all' then as_of.as_of
            else {{ local_midnight('ends.first_day') }}
        end as described_at,
        cast(
            row_number() over (order by ends.ends_on, ends.grain, ends.period_start, ends.slot) as integer
        ) as period_number
    from ends
    cross join as_of

)

select * from final
