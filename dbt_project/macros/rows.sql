{#- Rows: which landed rows are read, and what became of each. -#}

{#- A select of the rows of an entity that broke no row rule, as landed, of the batches that are new or whose standing
    has changed since the last build, with `is_readable` (whether they are read now) and `is_withdrawn`. -#}
{% macro arriving_rows(entity) -%}
    select
        landed.*,
        batches.is_withdrawn,
        batches.is_readable
    from {{ source('landing', entity) }} as landed
    inner join {{ ref('stg_changed_batches') }} as batches
        on
            landed.source = batches.source
            and landed.batch_sequence = batches.batch_sequence
            and batches.entity = '{{ entity }}'
    left join {{ ref('stg_quarantined_rows') }} as quarantined
        on
            landed.source = quarantined.source
            and landed.batch_sequence = quarantined.batch_sequence
            and landed.position = quarantined.position
            and quarantined.entity = '{{ entity }}'
    where quarantined.position is null
{%- endmacro %}

{#- A select of the rows of an entity whose versions are to be judged anew: those that arrive, and what is kept of the
    same keys: the columns as they arrive and `key_hash`. `judged` are the further columns of what is kept, `also` is a
    select of the `key_hash` of further keys, for where something is kept. -#}
{% macro versions_to_judge(entity, key, judged=['disposition'], also=none) -%}
    {%- set arriving = ref('stg_' ~ entity) -%}
    {%- set changed = ref('stg_changed_batches') -%}
    select
        {{ all_but('arriving', ['is_readable']) }},
        {{ row_hash(['arriving.source', 'arriving.' ~ key]) }} as key_hash
    from {{ arriving }} as arriving
    where arriving.is_readable
    {%- if is_incremental() %}

    union all

    select {{ all_but('kept', judged) }}
    from {{ this }} as kept
    left join {{ changed }} as changed
        on
            kept.source = changed.source
            and kept.batch_sequence = changed.batch_sequence
            and changed.entity = '{{ entity }}'
    where
        changed.source is null
        and kept.key_hash in (
            select {{ row_hash(['source', key]) }} from {{ arriving }}
            {%- if also %}
            union all
            {{ also }}
            {%- endif %}
        )
    {%- endif %}
{%- endmacro %}

{#- A select of every row of `versions_to_judge` with its one `disposition`, by this precedence:
    withdrawn, superseded, deleted, test, spam, merged, published. The latest version of a key is the one
    with the greatest (updated_at with nulls lowest, batch_sequence, position). The conditions are
    expressions over `versions`. -#}
{% macro with_disposition(versions, key, deleted='is_deleted', test='is_test', spam='false', merged='false') -%}
    with versions {{ "as" if is_incremental() else as_read_anew() }} (

        {{ versions }}

    ),

    -- Most keys come once. A hash only picks out the few that may have come more often.
    repeated as (

        select key_hash
        from versions
        where not is_withdrawn
        group by key_hash
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
                and key_hash in (select key_hash from repeated)
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

{#- Every column of a relation but those named. -#}
{% macro all_but(relation, columns) -%}
    {{ adapter.dispatch('all_but')(relation, columns) }}
{%- endmacro %}

{% macro default__all_but(relation, columns) -%}
    {{ relation }}.* except ({{ columns | join(', ') }})
{%- endmacro %}

{% macro duckdb__all_but(relation, columns) -%}
    {{ relation }}.* exclude ({{ columns | join(', ') }})
{%- endmacro %}

{#- An aggregate: a digest of the rows of a relation, whatever their order; as text. Equal rows have equal digests; that
    others have the same is as unlikely as 64 bits say. -#}
{% macro rows_digest(relation) -%}
    {{ adapter.dispatch('rows_digest')(relation) }}
{%- endmacro %}

{% macro default__rows_digest(relation) -%}
    concat(count(*), ' ', sum(cast(xxhash64(struct({{ relation }}.*)) as decimal(38, 0))))
{%- endmacro %}

{% macro duckdb__rows_digest(relation) -%}
    concat(count(*), ' ', sum(cast(hash({{ relation }}) as hugeint)))
{%- endmacro %}

{#- How a CTE of very many rows begins that several others read: each reads its rows anew. DuckDB else keeps the rows of such
    a CTE, in memory or spilled, which of millions costs more than the reading. -#}
{% macro as_read_anew() -%}
    {{ adapter.dispatch('as_read_anew')() }}
{%- endmacro %}

{% macro default__as_read_anew() -%}as{%- endmacro %}

{% macro duckdb__as_read_anew() -%}as not materialized{%- endmacro %}

{#- A pre-hook: the model's statements may have all the memory there is, for one join of very many rows with many, or lists
    of values. DuckDB has such a join spill both sides where its own share is too small for one. -#}
{% macro let_statements_fill_memory() %}{{ adapter.dispatch("let_statements_fill_memory")() }}{% endmacro %}

{% macro default__let_statements_fill_memory() %}{% endmacro %}

{% macro duckdb__let_statements_fill_memory() -%}
    set operator_memory_limit = '-1'
{%- endmacro %}
