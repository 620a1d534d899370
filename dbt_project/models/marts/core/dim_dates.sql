-- One row per day of the reporting zone's calendar, from the first event to as_of.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

days as (

    {{ days_of('as_of', 'first_event_date', 'as_of_date') }}

),

starts as (

    select
        date_day,
        {{ period_start('week', 'date_day') }} as week_start_date,
        {{ period_start('month', 'date_day') }} as month_start_date,
        {{ period_start('quarter', 'date_day') }} as quarter_start_date
    from days

),

numbered as (

    select
        *,
        cast({{ days_between('week_start_date', 'date_day') }} + 1 as integer) as iso_weekday,
        -- An ISO week belongs to the year of its Thursday.
        {{ add_days('week_start_date', 3) }} as week_thursday_date
    from starts

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as integer) as calendar_year,
        cast(extract(quarter from date_day) as integer) as calendar_quarter,
        cast(extract(month from date_day) as integer) as calendar_month,
        cast(extract(day from date_day) as integer) as day_of_month,
        cast(extract(year from week_thursday_date) as integer) as iso_year,
        cast(extract(week from date_day) as integer) as iso_week,
        iso_weekday,
        case iso_weekday
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            when 7 then 'Sunday'
        end as weekday_name,
        iso_weekday >= 6 as is_weekend,
        week_start_date,
        month_start_date,
        quarter_start_date
    from numbered

)

select *
from final
order by date_day
