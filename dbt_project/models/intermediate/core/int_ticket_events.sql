-- One row per published event of a ticket touched tonight: its latest version, where nothing excludes it.
{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('int_ticket_events_versions') }}

),

final as (

    select *
    from versions
    where
        disposition = 'published'
        and ticket_hash in (select ticket_hash from {{ ref('int_touched_tickets') }})

)

select * from final
