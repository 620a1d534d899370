-- Grain: one customer turn of a ticket: from the first message nobody has answered, after the first touch, to the
-- next touch or solve. A turn ended by a solve is no reply; one still open waits until as_of.

with spine as (

    select * from {{ ref('int_ticket_spine') }}
    where
        is_unanswered_contact
        and touches_before > 0

),

tickets as (

    select * from {{ ref('int_tickets') }}

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
        row_number() over (partition by source, ticket_id, turn_number order by event_number) as place,
        count(*) over (partition by source, ticket_id, turn_number) as message_count
    from spine

),

turns as (

    select * from numbered
    where place = 1

),

last_readings as (

    select
        source,
        ticket_id,
        as_of_open_micros
    from {{ ref('int_ticket_spine') }}
    where is_last

),

final as (

    select
        turns.source,
        turns.ticket_id,
        turns.turn_number,
        turns.event_number as started_number,
        moments.event_number as ended_number,
        turns.open_micros as started_micros,
        case when moments.happened_at is null then last_readings.as_of_open_micros else moments.open_micros end
            as ended_micros,
        turns.is_date_only or coalesce(moments.is_date_only, false) as is_inexact,
        turns.happened_at as turn_started_at,
        moments.happened_at as turn_ended_at,
        turns.message_count,
        tickets.customer_key,
        coalesce(tickets.direction, 'inbound') as direction,
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
            'case when moments.happened_at is null then last_readings.as_of_open_micros else moments.open_micros end',
            'turns.is_date_only or coalesce(moments.is_date_only, false)',
        ) }} as turn_business_minutes,
        moments.happened_date as turn_ended_date,
        {%- for dimension in ticket_dimensions() %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from turns
    cross join as_of
    inner join tickets
        on
            turns.source = tickets.source
            and turns.ticket_id = tickets.ticket_id
    left join last_readings
        on
            turns.source = last_readings.source
            and turns.ticket_id = last_readings.ticket_id
    left join moments
        on
            turns.source = moments.source
            and turns.ticket_id = moments.ticket_id
            and turns.turn_number = moments.turn_number

)

select * from final
