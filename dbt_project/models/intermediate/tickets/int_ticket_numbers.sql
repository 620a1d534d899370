-- Grain: one published ticket of those touched tonight, with its number and what later models read of its row. From here
-- on, what is worked out ticket by ticket is so for these alone; what is kept of all is overwritten with it.

with tickets as (

    select * from {{ ref('int_tickets') }}

),

touched_tickets as (

    select * from {{ ref('int_touched_tickets') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

recorded_tickets as (

    select distinct
        events.source,
        events.ticket_id
    from {{ ref('int_ticket_events') }} as events
    cross join as_of
    where
        events.event_type in ('created', 'status')
        and events.occurred_at <= as_of.as_of

),

final as (

    select
        touched_tickets.ticket_number,
        tickets.source,
        tickets.ticket_id,
        tickets.customer_key,
        coalesce(tickets.customer_key, concat(tickets.source, ':', tickets.ticket_id)) as respondent_key,
        coalesce(tickets.direction, 'inbound') as direction,
        tickets.channel,
        tickets.status,
        tickets.agent_key,
        tickets.created_at,
        {{ local_date('tickets.created_at') }} as created_date,
        tickets.created_at_is_date_only,
        tickets.first_responded_at,
        tickets.first_responded_at_is_date_only,
        tickets.resolved_at,
        tickets.resolved_at_is_date_only,
        tickets.reopen_count,
        recorded_tickets.ticket_id is not null as has_event_history,
        coalesce(tickets.created_at <= as_of.as_of, false) as is_opened
    from tickets
    inner join touched_tickets
        on
            tickets.source = touched_tickets.source
            and tickets.ticket_id = touched_tickets.ticket_id
    cross join as_of
    left join recorded_tickets
        on
            tickets.source = recorded_tickets.source
            and tickets.ticket_id = recorded_tickets.ticket_id

)

select * from final
