{#
  Targets of KPIs in the wide marts: the seed `kpi_targets`, spread over periods by int_kpi_targets.

  A select of one row per grain, period_start, dimension and dimension_value of `kpi_rows` that has a target, with, of
  each KPI of the family, <kpi>_floor (what it must reach at least) or <kpi>_ceiling (at most).
#}
{% macro targets_of_family(family, kpi_rows) %}
    {%- set kpis = entries_of_family(family) | list -%}
    select
        grain,
        period_start,
        dimension,
        dimension_value
        {%- for kpi in kpis %}
        {%- for direction, bound in {"at_least": "floor", "at_most": "ceiling"}.items() %},
        max(case when kpi = '{{ kpi }}' and direction = '{{ direction }}' then target end) as {{ kpi }}_{{ bound }}
        {%- endfor %}
        {%- endfor %}
    from (
        select
            targets.kpi,
            targets.direction,
            targets.target,
            kpi_rows.grain,
            kpi_rows.period_start,
            kpi_rows.dimension,
            kpi_rows.dimension_value,
            -- A value's own target comes before one for all values.
            row_number() over (
                partition by
                    targets.kpi, kpi_rows.grain, kpi_rows.period_start, kpi_rows.dimension, kpi_rows.dimension_value
                order by case when targets.dimension_value is null then 1 else 0 end
            ) as place
        from {{ ref("int_kpi_targets") }} as targets
        inner join {{ kpi_rows }} as kpi_rows
            on
                targets.grain = kpi_rows.grain
                and targets.period_start = kpi_rows.period_start
                and targets.dimension = kpi_rows.dimension
                and coalesce(targets.dimension_value, kpi_rows.dimension_value) = kpi_rows.dimension_value
        where
            kpi_rows.slot = 'current'
            and targets.kpi in ('{{ kpis | join("', '") }}')
    ) as placed_targets
    where place = 1
    group by grain, period_start, dimension, dimension_value
{% endmacro %}

{# The target a KPI (an entry of the catalog) is held to, over the columns of its family and of its targets. #}
{% macro kpi_target(entry) -%}
    case when {{ kpi_column(entry, "n") }} > 0 then coalesce({{ entry.kpi }}_floor, {{ entry.kpi }}_ceiling) end
{%- endmacro %}

{#
  How it stands against it: `none` without a target or a value; `at_risk` where the interval holds the target, so that
  the data do not say on which side the true value lies; else `met` or `missed` by the value. An interval of no width
  says no more than the value.
#}
{% macro kpi_status(entry) -%}
    {%- set kpi, low, high = entry.kpi, kpi_column(entry, "ci_low"), kpi_column(entry, "ci_high") -%}
    case
        when not coalesce({{ kpi_column(entry, "n") }} > 0, false) then null
        when {{ kpi }} is null or coalesce({{ kpi }}_floor, {{ kpi }}_ceiling) is null then 'none'
        when
            {{ low }} <= coalesce({{ kpi }}_floor, {{ kpi }}_ceiling)
            and {{ high }} >= coalesce({{ kpi }}_floor, {{ kpi }}_ceiling)
            and {{ low }} < {{ high }} then 'at_risk'
        when {{ kpi }} >= {{ kpi }}_floor or {{ kpi }} <= {{ kpi }}_ceiling then 'met'
        else 'missed'
    end
{%- endmacro %}
