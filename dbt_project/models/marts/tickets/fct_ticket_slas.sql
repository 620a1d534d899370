-- Grain: one published ticket × metric × turn (0, but for next_response) a service level can be promised for.

with slas as (

    select * from {{ ref('int_ticket_slas') }}

),

final as (

    select
        source,
        ticket_id,
        metric,
        turn_number,
        customer_key,
        is_inbound,
        state,
        reason,
        target_minutes,
        clock,
        schedule_id,
        started_at,
        fulfilled_at,
        met_by,
        due_at,
        breached_at,
        elapsed_minutes,
        event_date as decided_date,
        agent,
        team,
        priority,
        category,
        channel,
        segment,
        product,
        brand
    from slas

)

select * from final
order by source, ticket_id, metric, turn_number
