{#- Batches: what stands of each, and which have changed since the last build. -#}

{#- A select of one row per batch of `relation`: its counts, its verdict, whether its rows are read, and whether they have
    been withdrawn since. -#}
{% macro standing_batches(relation) -%}
    with batches as (

        select
            batch_id,
            batch_sequence,
            source,
            entity,
            night,
            generation,
            is_current_generation,
            is_source_enabled,
            mode,
            origin,
            content_sha256,
            is_alias,
            read,
            landed,
            rejected,
            quarantined,
            state,
            {{ utc_instant('landed_at') }} as landed_at,
            coalesce(state in ('passed', 'accepted'), false) as is_readable
        from {{ relation }}

    ),

    readable as (

        select *
        from batches
        where is_readable

    ),

    -- Where a batch's content stands: at its own path and at each path that was later found to hold the same
    -- content (an alias has no rows of its own: it stands for the latest batch before it with that content).
    placements as (

        select
            batch_id,
            source,
            entity,
            origin,
            batch_sequence as placed_sequence
        from readable
        where not is_alias

        union all

        select
            owners.batch_id,
            aliases.source,
            aliases.entity,
            aliases.origin,
            aliases.batch_sequence as placed_sequence
        from readable as aliases
        inner join (
            select
                later.batch_id as alias_id,
                max(earlier.batch_sequence) as owner_sequence
            from readable as later
            inner join readable as earlier
                on
                    later.source = earlier.source
                    and later.entity = earlier.entity
                    and later.content_sha256 = earlier.content_sha256
                    and later.batch_sequence > earlier.batch_sequence
            where later.is_alias and not earlier.is_alias
            group by later.batch_id
        ) as owner_of
            on aliases.batch_id = owner_of.alias_id
        inner join readable as owners
            on
                aliases.source = owners.source
                and aliases.entity = owners.entity
                and owner_of.owner_sequence = owners.batch_sequence

    ),

    last_replacements as (

        select
            source,
            entity,
            origin,
            max(batch_sequence) as replaced_sequence
        from readable
        where mode = 'replace'
        group by source, entity, origin

    ),

    -- A batch is in force while at least one path still holds its content.
    in_force as (

        select distinct placements.batch_id
        from placements
        left join last_replacements
            on
                placements.source = last_replacements.source
                and placements.entity = last_replacements.entity
                and placements.origin = last_replacements.origin
        where placements.placed_sequence >= coalesce(last_replacements.replaced_sequence, placements.placed_sequence)

    ),

    final as (

        select
            batches.*,
            not batches.is_current_generation
            or (batches.is_readable and not batches.is_alias and in_force.batch_id is null) as is_withdrawn
        from batches
        left join in_force on batches.batch_id = in_force.batch_id

    )

    select * from final
{%- endmacro %}
