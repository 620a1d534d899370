-- One row per source and entity with at least one accepted event: its first and last event, and the
-- watermark: the end of the reporting-zone day of the last one.
with accepted_events as (

    {%- set instants = {
        'feedback': ['invited_at', 'responded_at'],
        'tickets': ['created_at', 'first_responded_at', 'resolved_at'],
        'ticket_events': ['occurred_at'],
        'transactions': ['occurred_at'],
        'touchpoints': ['occurred_at'],
    } %}
    {%- for entity, columns in instants.items() %}
    {%- for column in columns %}

    select
        source,
        '{{ entity }}' as entity,
        min({{ column }}) as first_event_at,
        max({{ column }}) as last_event_at
    from {{ ref('int_' ~ entity ~ '_versions') }}
    where disposition not in ('withdrawn', 'superseded')
    group by source
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

ranges as (

    select
        source,
        entity,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at
    from accepted_events
    where last_event_at is not null
    group by source, entity

),

sources as (

    select
        source,
        max(case when is_source_enabled then 1 else 0 end) = 1 as is_source_enabled
    from {{ ref('stg_batches') }}
    group by source

),

dated as (

    select
        ranges.source,
        ranges.entity,
        ranges.first_event_at,
        ranges.last_event_at,
        {{ local_date('ranges.first_event_at') }} as first_event_date,
        {{ local_date('ranges.last_event_at') }} as last_event_date,
        sources.is_source_enabled
    from ranges
    inner join sources on ranges.source = sources.source

),

final as (

    select
        source,
        entity,
        first_event_at,
        last_event_at,
        first_event_date,
        last_event_date,
        {{ local_midnight(add_days('last_event_date', 1)) }} as watermark_at,
        is_source_enabled
    from dated

)

select * from final
