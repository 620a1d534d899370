-- Grain: one customer turn of a published ticket: the first message nobody had answered, after the first touch, to the
-- next touch or solve.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'source': 'source', 'ticket_id': 'ticket_id'}},
    on_schema_change='fail',
) }}

with turns as (

    select * from {{ ref('int_ticket_turns') }}

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

final as (

    select
        turns.ticket_number,
        turns.source,
        numbers.ticket_id,
        cast(turns.turn_number as bigint) as turn_number,
        turns.customer_key,
        turns.direction,
        turns.outcome,
        turns.turn_started_at,
        turns.turn_ended_at,
        turns.turn_ended_date,
        cast(turns.message_count as bigint) as message_count,
        case when turns.outcome = 'replied' then turns.turn_calendar_minutes end as next_response_calendar_minutes,
        case when turns.outcome = 'replied' then turns.turn_business_minutes end as next_response_business_minutes,
        turns.turn_calendar_minutes,
        turns.turn_business_minutes,
        turns.agent,
        turns.team,
        turns.priority,
        turns.category,
        turns.channel,
        turns.segment,
        turns.product,
        turns.brand
    from turns
    inner join numbers on turns.ticket_number = numbers.ticket_number

)

select {{ contract_columns() }} from final
order by ticket_number, turn_number
