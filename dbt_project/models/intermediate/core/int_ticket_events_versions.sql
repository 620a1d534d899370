-- One row per passed version of a ticket event, with its one disposition. An event of an excluded
-- ticket is excluded with it; an event whose ticket never came stays published.
{{ config(
    materialized='incremental',
    incremental_strategy='overwrite',
    unique_key='key_hash',
    overwrites={'stg_changed_batches': {'source': 'source', 'entity': "'ticket_events'", 'batch_sequence': 'batch_sequence'}},
) }}

-- Few tickets are excluded; those alone matter here.
with excluded_tickets as (

    select
        source,
        ticket_id,
        disposition as ticket_disposition
    from {{ ref('int_tickets_versions') }}
    where disposition in ('deleted', 'test', 'spam', 'merged')

),

{%- set of_tickets_judged_otherwise %}
            select kept.key_hash
            from {{ this }} as kept
            left join excluded_tickets
                on
                    kept.source = excluded_tickets.source
                    and kept.ticket_id = excluded_tickets.ticket_id
            where
                kept.ticket_hash in (select {{ row_hash(['source', 'ticket_id']) }} from {{ ref('stg_tickets') }})
                and kept.ticket_disposition is distinct from excluded_tickets.ticket_disposition
{%- endset %}

events as (

    {{ versions_to_judge(
        'ticket_events',
        'event_id',
        judged=['ticket_hash', 'ticket_disposition', 'disposition'],
        also=of_tickets_judged_otherwise,
    ) }}

),

events_of_tickets as (

    select
        events.*,
        {{ row_hash(['events.source', 'events.ticket_id']) }} as ticket_hash,
        excluded_tickets.ticket_disposition
    from events
    left join excluded_tickets
        on
            events.source = excluded_tickets.source
            and events.ticket_id = excluded_tickets.ticket_id

),

final as (

    {{ with_disposition(
        'select * from events_of_tickets',
        'event_id',
        deleted="is_deleted or coalesce(ticket_disposition = 'deleted', false)",
        test="is_test or coalesce(ticket_disposition = 'test', false)",
        spam="coalesce(ticket_disposition = 'spam', false)",
        merged="coalesce(ticket_disposition = 'merged', false)",
    ) }}

)

select * from final
