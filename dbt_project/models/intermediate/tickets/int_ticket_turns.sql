-- Grain: one customer turn of a ticket: from the first message nobody has answered, after the first touch, to the
-- next touch or solve. A turn ended by a solve is no reply; one still open waits until as_of.

with messages as (

    select
        ticket_number,
        turn_number,
        event_number,
        happened_at,
        is_date_only,
        open_micros
    from {{ ref('int_ticket_moments') }}
    where is_of_turn

),

tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

moments as (

    select * from {{ ref('int_ticket_moments') }}
    where
        is_touch
        or is_done_now

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

numbered as (

    select
        *,
        row_number() over (partition by ticket_number, turn_number order by event_number) as place,
        count(*) over (partition by ticket_number, turn_number) as message_count
    from messages

),

turns as (

    select * from numbered
    where place = 1

),

waits as (

    select * from {{ ref('int_ticket_waits') }}

),

final as (

    select
        tickets.source,
        turns.ticket_number,
        turns.turn_number,
        turns.event_number as started_number,
        moments.event_number as ended_number,
        turns.open_micros as started_micros,
        case when moments.happened_at is null then waits.as_of_micros else moments.open_micros end
            as ended_micros,
        turns.is_date_only or coalesce(moments.is_date_only, false) as is_inexact,
        turns.happened_at as turn_started_at,
        moments.happened_at as turn_ended_at,
        turns.message_count,
        tickets.customer_key,
        tickets.respondent_key,
        tickets.direction,
        case
            when moments.is_touch then 'replied'
            when moments.is_done_now then 'solved'
            else 'open'
        end as outcome,
        {{ duration_minutes(
            'turns.happened_at',
            'coalesce(moments.happened_at, as_of.as_of)',
            'turns.is_date_only or coalesce(moments.is_date_only, false)',
        ) }} as turn_calendar_minutes,
        {{ business_minutes(
            'turns.open_micros',
            'case when moments.happened_at is null then waits.as_of_micros else moments.open_micros end',
            'turns.is_date_only or coalesce(moments.is_date_only, false)',
        ) }} as turn_business_minutes,
        moments.happened_date as turn_ended_date,
        {%- for dimension in ticket_dimensions() %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from turns
    cross join as_of
    inner join tickets on turns.ticket_number = tickets.ticket_number
    inner join waits on turns.ticket_number = waits.ticket_number
    left join moments
        on
            turns.ticket_number = moments.ticket_number
            and turns.turn_number = moments.turn_number

)

select * from final
