-- Grain: one published ticket × metric × turn (0, but for next_response) a service level can be promised for.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'source': 'source', 'ticket_id': 'ticket_id'}},
    on_schema_change='fail',
) }}

with slas as (

    select * from {{ ref('int_ticket_slas') }}

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

final as (

    select
        slas.ticket_number,
        slas.source,
        numbers.ticket_id,
        slas.metric,
        slas.turn_number,
        slas.customer_key,
        slas.is_inbound,
        slas.state,
        slas.reason,
        slas.target_minutes,
        slas.clock,
        slas.schedule_id,
        slas.started_at,
        slas.fulfilled_at,
        slas.met_by,
        slas.due_at,
        slas.breached_at,
        slas.elapsed_minutes,
        slas.event_date as decided_date,
        slas.agent,
        slas.team,
        slas.priority,
        slas.category,
        slas.channel,
        slas.segment,
        slas.product,
        slas.brand
    from slas
    inner join numbers on slas.ticket_number = numbers.ticket_number

)

select {{ contract_columns() }} from final
order by ticket_number, metric, turn_number
