-- Grain: one published ticket × interval [valid_from, valid_to) in which one version of its row was in force.
-- Of versions with one updated_at only the winner of the latest-version rule was ever in force. The first version
-- is valid from always: what was before the earliest known is taken to be like it.

with versions as (

    select * from {{ ref('int_tickets_versions') }}

),

tickets as (

    select * from {{ ref('int_tickets') }}

),

in_force as (

    select
        *,
        row_number() over (
            partition by source, ticket_id, updated_at
            order by batch_sequence desc, position desc
        ) as recency
    from versions
    where disposition in ('published', 'superseded')

),

numbered as (

    select
        in_force.*,
        row_number() over (
            partition by in_force.source, in_force.ticket_id
            order by in_force.updated_at asc nulls first
        ) as ticket_version
    from in_force
    inner join tickets
        on in_force.source = tickets.source
        and in_force.ticket_id = tickets.ticket_id
    where in_force.recency = 1

),

final as (

    select
        source,
        ticket_id,
        ticket_version,
        case when ticket_version = 1 then {{ beginning_of_time() }} else updated_at end as valid_from,
        coalesce(
            lead(updated_at) over (partition by source, ticket_id order by ticket_version),
            {{ end_of_time() }}
        ) as valid_to,
        channel,
        priority,
        team,
        agent_key,
        category,
        product,
        brand,
        schedule_id,
        attributes
    from numbered

)

select * from final
