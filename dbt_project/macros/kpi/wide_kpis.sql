{# A select of one row per grain, period_start, dimension, dimension_value with every measure of the mart's KPIs. #}
{% macro wide_kpis(mart) %}
    {%- set kpis = kpis_of_mart(mart) -%}
    with kpis as (

        select * from {{ ref("int_kpis") }}

    ),

    final as (

        select
            grain,
            period_start,
            dimension,
            dimension_value
            {%- for entry in kpis %}
            {%- for measure in kpi_measures() %},
            max(case when kpi = '{{ entry.kpi }}' then {{ measure }} end) as {{ wide_column(entry.kpi, measure) }}
            {%- endfor %}
            {%- endfor %}
            {%- for group in kpi_catalog() if group.mart == mart %}
            {%- for column, kpi in (group.counts or {}).items() %},
            cast(max(case when kpi = '{{ kpi }}' then numerator end) as bigint) as {{ column }}
            {%- endfor %}
            {%- endfor %}
        from kpis
        where kpi in ({% for entry in kpis %}'{{ entry.kpi }}'{{ ", " if not loop.last }}{% endfor %})
        group by grain, period_start, dimension, dimension_value

    )

    select * from final
    order by grain, dimension, dimension_value, period_start
{% endmacro %}

{#
  The other way round: a select of one row per kpi, grain, period_start, dimension, dimension_value over all wide
  marts. For a view, so it names no catalog.
#}
{% macro long_kpis() %}
    {%- for mart_name in kpi_marts() %}
    {%- set outer = loop %}
    {%- for entry in kpis_of_mart(mart_name) %}
    select
        '{{ entry.kpi }}' as kpi,
        grain,
        period_start,
        dimension,
        dimension_value
        {%- for measure in kpi_measures() %},
        {{ wide_column(entry.kpi, measure) }} as {{ measure }}
        {%- endfor %}
    from {{ mart(mart_name) }}
    where {{ entry.kpi }}_n is not null
    {%- if not (loop.last and outer.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
{% endmacro %}
