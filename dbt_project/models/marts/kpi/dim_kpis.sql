-- One row per kpi: what it is, which way is good, where it stands. Written from the catalog of KPIs.
with catalog as (

    {%- for group in kpi_catalog() %}
    {%- set outer = loop %}
    {%- for entry in group.kpis %}
    select
        '{{ entry.kpi }}' as kpi,
        '{{ group.mart }}' as mart,
        '{{ group.family }}' as family,
        '{{ entry.unit | replace("'", "''") }}' as unit,
        '{{ entry.definition | replace("'", "''") }}' as definition,
        '{{ entry.better }}' as better,
        {% if entry.mirror_of -%} '{{ entry.mirror_of }}' {%- else -%} cast(null as {{ dbt.type_string() }}) {%- endif %} as mirror_of,
        {{ entry.kpi in headline_kpis() }} as is_headline
    {%- if not (loop.last and outer.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

),

final as (

    select * from catalog

)

select * from final
order by kpi
