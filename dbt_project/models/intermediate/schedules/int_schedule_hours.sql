-- Grain: one schedule × UTC instant at which a stretch of its open hours begins (change 1) or ends (-1).
-- Local hours less holidays, day by day of the schedule's own calendar, then moved to UTC by the zone's rules.

with hours as (

    select
        schedule_id,
        time_zone,
        {{ weekday_of_name('weekday') }} as weekday,
        {{ seconds_of_day('opens_at') }} as opens_second,
        {{ seconds_of_day('closes_at') }} as closes_second,
        valid_from,
        valid_to
    from {{ ref('business_hours') }}

),

holidays as (

    select
        schedule_id,
        date as date_day,
        {{ seconds_of_day("coalesce(closed_from, '00:00')") }} as closes_second,
        {{ seconds_of_day("coalesce(closed_to, '24:00')") }} as opens_second
    from {{ ref('holidays') }}

),

calendar as (

    select * from {{ ref('int_schedule_calendar') }}

),

zones as (

    select * from {{ source('state', 'time_zone_rules') }}

),

open_days as (

    select
        hours.schedule_id,
        hours.time_zone,
        calendar.date_day,
        hours.opens_second,
        hours.closes_second
    from hours
    inner join calendar
        on
            hours.weekday = calendar.weekday
            and (hours.valid_from is null or hours.valid_from <= calendar.date_day)
            and (hours.valid_to is null or hours.valid_to > calendar.date_day)

),

-- What opens and what closes in the course of a local day. A holiday closes whatever else says open.
local_changes as (

    select
        schedule_id,
        date_day,
        opens_second as second_of_day,
        1 as opened,
        0 as closed
    from open_days

    union all

    select
        schedule_id,
        date_day,
        closes_second as second_of_day,
        -1 as opened,
        0 as closed
    from open_days

    union all

    select
        schedule_id,
        date_day,
        closes_second as second_of_day,
        0 as opened,
        1 as closed
    from holidays

    union all

    select
        schedule_id,
        date_day,
        opens_second as second_of_day,
        0 as opened,
        -1 as closed
    from holidays

),

local_moments as (

    select
        schedule_id,
        date_day,
        second_of_day,
        sum(opened) as opened,
        sum(closed) as closed
    from local_changes
    group by schedule_id, date_day, second_of_day

),

swept as (

    select
        schedule_id,
        date_day,
        second_of_day,
        lead(second_of_day) over (partition by schedule_id, date_day order by second_of_day) as next_second,
        sum(opened) over (
            partition by schedule_id, date_day order by second_of_day rows between unbounded preceding and current row
        ) as open_spans,
        sum(closed) over (
            partition by schedule_id, date_day order by second_of_day rows between unbounded preceding and current row
        ) as holidays
    from local_moments

),

day_zones as (

    select distinct
        schedule_id,
        date_day,
        time_zone
    from open_days

),

local_spans as (

    select
        swept.schedule_id,
        day_zones.time_zone,
        {{ add_seconds('cast(swept.date_day as timestamp)', 'swept.second_of_day') }} as opens_at,
        {{ add_seconds('cast(swept.date_day as timestamp)', 'swept.next_second') }} as closes_at
    from swept
    inner join day_zones
        on
            swept.schedule_id = day_zones.schedule_id
            and swept.date_day = day_zones.date_day
    where
        swept.open_spans > 0
        and swept.holidays = 0
        and swept.next_second is not null

),

utc_spans as (

    select
        local_spans.schedule_id,
        {{ add_seconds('local_spans.opens_at', '-opening.utc_offset_seconds') }} as opens_at,
        {{ add_seconds('local_spans.closes_at', '-closing.utc_offset_seconds') }} as closes_at
    from local_spans
    inner join zones as opening
        on
            local_spans.time_zone = opening.time_zone
            and local_spans.opens_at >= opening.local_from
            and local_spans.opens_at < opening.local_to
    inner join zones as closing
        on
            local_spans.time_zone = closing.time_zone
            and local_spans.closes_at >= closing.local_from
            and local_spans.closes_at < closing.local_to

),

-- A span whose opening the clock skips, past its closing, is none.
utc_changes as (

    select
        schedule_id,
        opens_at as changes_at,
        1 as change
    from utc_spans
    where opens_at < closes_at

    union all

    select
        schedule_id,
        closes_at as changes_at,
        -1 as change
    from utc_spans
    where opens_at < closes_at

),

final as (

    select
        schedule_id,
        changes_at,
        sum(change) as change
    from utc_changes
    group by schedule_id, changes_at
    having sum(change) <> 0

)

select * from final
