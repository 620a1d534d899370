-- Grain: one published ticket × interval [valid_from, valid_to) in which one version of its row was in force.
-- Of versions with one updated_at only the winner of the latest-version rule was ever in force. The first version
-- is valid from always: what was before the earliest known is taken to be like it.

with versions as (

    select * from {{ ref('int_tickets_versions') }}
    where
        disposition in ('published', 'superseded')
        and key_hash in (select ticket_hash from {{ ref('int_touched_tickets') }})

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

ranked as (

    select
        numbers.ticket_number,
        versions.updated_at,
        versions.channel,
        versions.priority,
        versions.team,
        versions.agent_key,
        versions.category,
        versions.product,
        versions.brand,
        versions.schedule_id,
        versions.attributes,
        row_number() over (
            partition by numbers.ticket_number, versions.updated_at
            order by versions.batch_sequence desc, versions.position desc
        ) as recency
    from versions
    inner join numbers
        on versions.source = numbers.source
        and versions.ticket_id = numbers.ticket_id

),

in_force as (

    select
        *,
        row_number() over (partition by ticket_number order by updated_at asc nulls first) as ticket_version,
        lead(updated_at) over (partition by ticket_number order by updated_at asc nulls first) as superseded_at
    from ranked
    where recency = 1

),

final as (

    select
        ticket_number,
        ticket_version,
        case when ticket_version = 1 then {{ beginning_of_time() }} else updated_at end as valid_from,
        coalesce(superseded_at, {{ end_of_time() }}) as valid_to,
        channel,
        priority,
        team,
        agent_key,
        category,
        product,
        brand,
        schedule_id,
        attributes
    from in_force

)

select * from final
