-- One row per source and entity: what became of every row read. Rows of batches that are not read count as
-- held, whatever the gate found in them; `passed` is counted in what is kept, `landed` in the files' own words.
{%- set entities = ['customers', 'feedback', 'tickets', 'ticket_events', 'transactions', 'touchpoints'] %}

with batches as (

    select
        source,
        entity,
        cast(sum(read) as bigint) as rows_read,
        cast(sum(rejected) as bigint) as rejected,
        cast(sum(landed) as bigint) as landed,
        cast(sum(case when is_readable then 0 else landed end) as bigint) as held,
        cast(sum(case when state = 'dropped' then landed else 0 end) as bigint) as of_which_dropped
    from {{ ref('stg_batches') }}
    group by source, entity

),

quarantined as (

    select
        source,
        entity,
        count(*) as quarantined
    from {{ ref('stg_quarantined_rows') }}
    where is_readable
    group by source, entity

),

passed as (

    {%- for entity in entities %}
    select
        source,
        '{{ entity }}' as entity,
        count(*) as passed
    from {{ ref('int_' ~ entity ~ '_versions') }}
    group by source
    {%- if not loop.last %}

    union all

    {%- endif %}
    {%- endfor %}

),

dispositions as (

    {%- for entity in entities %}
    select
        source,
        '{{ entity }}' as entity,
        count(*) filter (where disposition = 'published') as published,
        count(*) filter (where disposition <> 'published') as excluded,
        count(*) filter (where disposition = 'withdrawn') as withdrawn,
        count(*) filter (where disposition = 'superseded') as superseded,
        count(*) filter (where disposition = 'deleted') as deleted,
        count(*) filter (where disposition = 'test') as test,
        count(*) filter (where disposition = 'spam') as spam,
        count(*) filter (where disposition = 'merged') as merged
    from {{ ref('int_' ~ entity ~ '_versions') }}
    group by source
    {%- if not loop.last %}

    union all

    {%- endif %}
    {%- endfor %}

),

counted as (

    select
        batches.source,
        batches.entity,
        batches.rows_read,
        batches.rejected,
        batches.landed,
        coalesce(passed.passed, 0) as passed,
        coalesce(quarantined.quarantined, 0) as quarantined,
        batches.held,
        batches.of_which_dropped,
        coalesce(dispositions.published, 0) as published,
        coalesce(dispositions.excluded, 0) as excluded,
        coalesce(dispositions.withdrawn, 0) as withdrawn,
        coalesce(dispositions.superseded, 0) as superseded,
        coalesce(dispositions.deleted, 0) as deleted,
        coalesce(dispositions.test, 0) as test,
        coalesce(dispositions.spam, 0) as spam,
        coalesce(dispositions.merged, 0) as merged
    from batches
    left join passed
        on
            batches.source = passed.source
            and batches.entity = passed.entity
    left join quarantined
        on
            batches.source = quarantined.source
            and batches.entity = quarantined.entity
    left join dispositions
        on
            batches.source = dispositions.source
            and batches.entity = dispositions.entity

),

final as (

    select
        *,
        rows_read = landed + rejected
        and landed = passed + quarantined + held
        and passed = published + excluded as is_balanced
    from counted

)

select * from final
