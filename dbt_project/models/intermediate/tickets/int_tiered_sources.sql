-- Grain: one source whose tickets are passed between teams that have a tier: there, a ticket without an escalation has none; in
-- the others nobody knows.

with events as (

    select * from {{ ref('int_ticket_events_versions') }}
    where
        event_type = 'team'
        and disposition = 'published'

),

teams as (

    select * from {{ ref('teams') }}

),

final as (

    select distinct events.source
    from events
    inner join teams
        on events.value = teams.team

)

select * from final
