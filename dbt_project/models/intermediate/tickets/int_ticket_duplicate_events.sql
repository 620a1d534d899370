-- Grain: one published event that repeats another of its ticket in everything but its id, instant included.
-- A redelivery under a new id: the spine leaves it out. Events dated to the day alone are never taken for repeats.
{%- set content = [
    'source', 'ticket_id', 'occurred_at', 'event_type', 'actor_role', 'agent_key', 'is_public', 'value', 'session_id'
] %}

with events as (

    select * from {{ ref('int_ticket_events') }}
    where not occurred_at_is_date_only

),

suspects as (

    select {{ row_hash(content) }} as content_hash
    from events
    group by {{ row_hash(content) }}
    having count(*) > 1

),

numbered as (

    select
        events.source,
        events.ticket_id,
        events.event_id,
        row_number() over (
            partition by {% for column in content %}events.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by length(events.event_id), events.event_id
        ) as occurrence
    from events
    inner join suspects
        on {{ row_hash(content) }} = suspects.content_hash

),

final as (

    select
        source,
        ticket_id,
        event_id
    from numbered
    where occurrence > 1

)

select * from final
