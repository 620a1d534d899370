-- One row per published ticket event: its latest version, where nothing excludes it.
{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('int_ticket_events_versions') }}

),

final as (

    select *
    from versions
    where disposition = 'published'

)

select * from final
