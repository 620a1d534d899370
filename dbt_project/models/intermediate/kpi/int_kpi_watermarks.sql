-- One row per kpi: the instant to which every enabled source that feeds it has come; null where no such
-- source is enabled any more. A source feeds a KPI when it has delivered a unit of it.
with source_watermarks as (

    select * from {{ ref('int_source_watermarks') }}

),

{%- for group in kpi_catalog() %}

feeding_sources_{{ loop.index }} as (

    select distinct source
    from {{ ref(group.units) }}
    where {{ group.where }}

),
{%- endfor %}

kpi_sources as (

    {%- for group in kpi_catalog() %}
    {%- set outer = loop %}
    {%- for entry in group.kpis %}
    select
        '{{ entry.kpi }}' as kpi,
        watermarks.watermark_at
    from feeding_sources_{{ outer.index }} as feeding_sources
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
