-- One row per passed version of a ticket event, with its one disposition. An event of an excluded
-- ticket is excluded with it; an event whose ticket never came stays published.
with events as (

    select * from {{ ref('stg_ticket_events') }}

),

-- Few tickets are excluded; those alone matter here.
excluded_tickets as (

    select
        source,
        ticket_id,
        disposition as ticket_disposition
    from {{ ref('int_tickets_versions') }}
    where disposition in ('deleted', 'test', 'spam', 'merged')

),

events_of_tickets as (

    select
        events.*,
        excluded_tickets.ticket_disposition
    from events
    left join excluded_tickets
        on
            events.source = excluded_tickets.source
            and events.ticket_id = excluded_tickets.ticket_id

),

final as (

    {{ with_disposition(
        'events_of_tickets',
        'event_id',
        deleted="is_deleted or coalesce(ticket_disposition = 'deleted', false)",
        test="is_test or coalesce(ticket_disposition = 'test', false)",
        spam="coalesce(ticket_disposition = 'spam', false)",
        merged="coalesce(ticket_disposition = 'merged', false)",
    ) }}

)

select * from final
