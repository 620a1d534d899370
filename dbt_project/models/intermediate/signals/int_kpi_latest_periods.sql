-- One row per kpi and grain: its newest complete period.
with

{%- for family in kpi_families() %}

periods_of_{{ family }} as (

    {{ compared_periods(family) }}

),
{%- endfor %}

final as (

    {%- for family in kpi_families() %}
    {%- set outer = loop %}
    {%- for group in groups_of_family(family) %}
    {%- set inner = loop %}
    {%- for entry in group.kpis %}
    select
        '{{ entry.kpi }}' as kpi,
        grain,
        max(period_start) as period_start
    from periods_of_{{ family }}
    where
        is_complete_{{ inner.index }}
        and grain <> 'all'
    group by grain
    {{- '\n    union all' if not (loop.last and inner.last and outer.last) }}
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}

)

select * from final
