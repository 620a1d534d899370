-- Grain: one customer turn of a published ticket: the first message nobody had answered, after the first touch, to the
-- next touch or solve.

with turns as (

    select * from {{ ref('int_ticket_turns') }}

),

final as (

    select
        source,
        ticket_id,
        cast(turn_number as bigint) as turn_number,
        customer_key,
        direction,
        outcome,
        turn_started_at,
        turn_ended_at,
        turn_ended_date,
        cast(message_count as bigint) as message_count,
        case when outcome = 'replied' then turn_calendar_minutes end as next_response_calendar_minutes,
        case when outcome = 'replied' then turn_business_minutes end as next_response_business_minutes,
        turn_calendar_minutes,
        turn_business_minutes,
        agent,
        team,
        priority,
        category,
        channel,
        segment,
        product,
        brand
    from turns

)

select * from final
order by source, ticket_id, turn_number
