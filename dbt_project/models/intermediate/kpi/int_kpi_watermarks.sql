-- One row per kpi: the instant to which every enabled source that feeds it has come; null where no such
-- source is enabled any more. A source feeds a KPI when it has delivered a unit of it.
with source_watermarks as (

    select * from {{ ref('int_source_watermarks') }}

),

{#- The units are read once for all groups they feed. -#}
{%- set conditions = {} %}
{%- for group in kpi_catalog() %}
{%- do conditions.setdefault(group.units, {}).update({loop.index: group.where}) %}
{%- endfor %}

{%- for units, groups in conditions.items() %}

sources_of_{{ units }} as (

    select
        source,
        {%- for number, condition in groups.items() %}
        count(case when {{ condition }} then 1 end) > 0 as feeds_{{ number }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(units) }}
    group by source

),
{%- endfor %}

kpi_sources as (

    {%- for group in kpi_catalog() %}
    {%- set outer = loop %}
    {%- for entry in group.kpis %}
    select
        '{{ entry.kpi }}' as kpi,
        watermarks.watermark_at
    from sources_of_{{ group.units }} as feeding_sources
    left join (
        select
            source,
            max(watermark_at) as watermark_at
        from source_watermarks
        where
            is_source_enabled
            and entity in ({% for entity in group.entities %}'{{ entity }}'{{ ', ' if not loop.last }}{% endfor %})
        group by source
    ) as watermarks on feeding_sources.source = watermarks.source
    where feeding_sources.feeds_{{ outer.index }}
    {%- if not (loop.last and outer.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

),

final as (

    select
        kpi,
        min(watermark_at) as watermark_at
    from kpi_sources
    group by kpi

)

select * from final
