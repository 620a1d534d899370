-- Grain: one live contact of a published ticket: a call, or a live chat session in which a customer or an agent wrote,
-- with the values in force at its answer, else at its end.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'source': 'source', 'ticket_id': 'ticket_id'}},
    on_schema_change='fail',
) }}

with live_contacts as (

    select * from {{ ref('int_ticket_live_contacts') }}
    where ticket_number in (select ticket_number from {{ ref('int_touched_tickets') }})

),

final as (

    select
        source,
        ticket_id,
        cast(contact_number as bigint) as contact_number,
        contact_kind,
        customer_key,
        direction,
        is_offered,
        is_answered,
        is_abandoned,
        queued_at,
        answered_at,
        event_date,
        wait_seconds,
        is_within_service_level,
        handle_minutes,
        agent,
        team,
        priority,
        category,
        channel,
        segment,
        product,
        brand
    from live_contacts

)

select * from final
order by source, ticket_id, contact_number
