{#- Rows: which landed rows are read, and what became of each. -#}

{#- A select of the passed rows of an entity as landed, with `is_withdrawn`: the rows of readable batches
    (passed, or held and then accepted) that broke no row rule. -#}
{% macro passed_rows(entity) -%}
    select
        landed.*,
        batches.is_withdrawn
    from {{ source('landing', entity) }} as landed
    inner join {{ ref('stg_batches') }} as batches
        on
            landed.source = batches.source
            and landed.batch_sequence = batches.batch_sequence
            and batches.entity = '{{ entity }}'
            and batches.is_readable
    left join {{ ref('stg_quarantined_rows') }} as quarantined
        on
            landed.source = quarantined.source
            and landed.batch_sequence = quarantined.batch_sequence
            and landed.position = quarantined.position
            and quarantined.entity = '{{ entity }}'
    where quarantined.position is null
{%- endmacro %}

{#- A select of every row of a relation of passed rows with its one `disposition`, by this precedence:
    withdrawn, superseded, deleted, test, spam, merged, published. The latest version of a key is the one
    with the greatest (updated_at with nulls lowest, batch_sequence, position). The conditions are
    expressions over `versions`. -#}
{% macro with_disposition(relation, key, deleted='is_deleted', test='is_test', spam='false', merged='false') -%}
    with versions as (

        select * from {{ relation }}

    ),

    -- Most keys come once. A hash only picks out the few that may have come more often.
    repeated as (

        select {{ row_hash(['source', key]) }} as key_hash
        from versions
        where not is_withdrawn
        group by {{ row_hash(['source', key]) }}
        having count(*) > 1

    ),

    superseded as (

        select
            source,
            batch_sequence,
            position
        from (
            select
                source,
                batch_sequence,
                position,
                row_number() over (
                    partition by source, {{ key }}
                    order by updated_at desc nulls last, batch_sequence desc, position desc
                ) as recency
            from versions
            where
                not is_withdrawn
                and {{ row_hash(['source', key]) }} in (select key_hash from repeated)
        ) as ranked
        where recency > 1

    )

    select
        versions.*,
        case
            when versions.is_withdrawn then 'withdrawn'
            when superseded.position is not null then 'superseded'
            when {{ deleted }} then 'deleted'
            when {{ test }} then 'test'
            when {{ spam }} then 'spam'
            when {{ merged }} then 'merged'
            else 'published'
        end as disposition
    from versions
    left join superseded
        on
            versions.source = superseded.source
            and versions.batch_sequence = superseded.batch_sequence
            and versions.position = superseded.position
{%- endmacro %}

{#- Condition of a join to `int_customer_history`: the version of the customer in force at an instant. -#}
{% macro in_force(history, customer_key, instant) -%}
    {{ history }}.customer_key = {{ customer_key }}
    and {{ instant }} >= {{ history }}.valid_from
    and {{ instant }} < {{ history }}.valid_to
{%- endmacro %}
