{#
  What the wide marts and the tests of changes share: each period with the one it is compared with, and whether the
  KPIs of each group of the catalog are complete in it.

  A select of one row per grain and period_start: previous_slot and previous_start (where in int_kpi_<family> the
  comparable period stands; of a period that has not ended, the same elapsed part of the one before), yoy_start (null
  for a period that has not ended), and `is_complete_<number of the group>` for each group of the family.
#}
{% macro compared_periods(family) %}
    select
        periods.grain,
        periods.period_start,
        case when periods.is_ended then 'current' else 'elapsed' end as previous_slot,
        case when periods.is_ended then periods.previous_period_start else periods.period_start end as previous_start,
        case when periods.is_ended then periods.yoy_period_start end as yoy_start
        {%- for group in groups_of_family(family) %},
        periods.is_ended
        and {{ local_midnight(add_days("periods.period_end", group.window_days or 0)) }}
        <= least(as_of.as_of, coalesce(watermarks.watermark_{{ loop.index }}, as_of.as_of)) as is_complete_{{ loop.index }}
        {%- endfor %}
    from {{ ref("int_periods") }} as periods
    cross join {{ ref("int_as_of") }} as as_of
    cross join (
        select
            {%- for group in groups_of_family(family) %}
            max(case when kpi = '{{ group.kpis[0].kpi }}' then watermark_at end) as watermark_{{ loop.index }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from {{ ref("int_kpi_watermarks") }}
    ) as watermarks
{% endmacro %}

{# Join conditions: the row of the period a current row of int_kpi_<family> is compared with. #}
{% macro is_previous_of(previous, current, periods) -%}
    {{ previous }}.grain = {{ current }}.grain
    and {{ previous }}.period_start = {{ periods }}.previous_start
    and {{ previous }}.slot = {{ periods }}.previous_slot
    and {{ previous }}.dimension = {{ current }}.dimension
    and {{ previous }}.dimension_value = {{ current }}.dimension_value
{%- endmacro %}

{# A select of one row per grain, period_start, dimension, dimension_value with every measure of the mart's KPIs. #}
{% macro wide_kpis(mart) %}
    {%- set family = family_of_mart(mart) -%}
    {%- set tests = tests_of_family(family) -%}
    with kpi_rows as (

        select * from {{ ref("int_kpi_" ~ family) }}

    ),

    periods as (

        {{ compared_periods(family) }}

    ),

    tests as (

        select
            grain,
            period_start,
            dimension,
            dimension_value
            {%- for kpi in tests if tests[kpi] %}
            {%- for measure in ["p_value", "q_value"] %},
            max(case when kpi = '{{ kpi }}' then {{ measure }} end) as {{ kpi }}_{{ measure }}
            {%- endfor %}
            {%- endfor %}
        from {{ ref("int_kpi_tests") }}
        where kpi in ({% for kpi in tests if tests[kpi] %}'{{ kpi }}', {% endfor %}'')
        group by grain, period_start, dimension, dimension_value

    ),

    targets as (

        {{ targets_of_family(family, "kpi_rows") }}

    ),

    final as (

        select
            current_rows.grain,
            current_rows.period_start,
            current_rows.dimension,
            current_rows.dimension_value
            {%- for group in groups_of_family(family) %}
            {%- set is_complete = "is_complete_" ~ loop.index %}
            {%- for entry in group.kpis %}
            {%- set kpi = entry.kpi %}
            {%- set change = "current_rows." ~ kpi ~ " - previous_rows." ~ kpi %}
            {%- set original = entry.mirror_of or kpi %}
            {%- set measures = {
                "value": "current_rows." ~ kpi,
                "previous_value": "previous_rows." ~ kpi,
                "change": change,
                "yoy_change": "current_rows." ~ kpi ~ " - year_ago_rows." ~ kpi,
                "is_complete": "case when current_rows." ~ kpi ~ "_n > 0 then periods." ~ is_complete ~ " end",
                "is_small_sample": "current_rows." ~ kpi ~ "_n < 30",
                "target": kpi_target("current_rows", kpi),
                "status": kpi_status("current_rows", kpi),
                "p_value": "cast(null as double)",
                "q_value": "cast(null as double)",
                "is_significant": "cast(null as boolean)",
            } %}
            {%- if tests[original] %}
            {%- set is_changed = "case when " ~ change ~ " is not null then tests." ~ original %}
            {%- do measures.update({
                "p_value": is_changed ~ "_p_value end",
                "q_value": is_changed ~ "_q_value end",
                "is_significant": is_changed ~ "_q_value < 0.05 end",
            }) %}
            {%- endif %}
            {%- for measure in kpi_measures() %},
            {{ measures[measure] or "current_rows." ~ kpi ~ "_" ~ measure }} as {{ wide_column(kpi, measure) }}
            {%- endfor %}
            {%- endfor %}
            {%- endfor %}
            {%- for group in groups_of_family(family) %}
            {%- for column, kpi in (group.counts or {}).items() %},
            cast(current_rows.{{ kpi }}_numerator as bigint) as {{ column }}
            {%- endfor %}
            {%- endfor %}
        from kpi_rows as current_rows
        inner join periods
            on
                current_rows.grain = periods.grain
                and current_rows.period_start = periods.period_start
        left join kpi_rows as previous_rows
            on {{ is_previous_of("previous_rows", "current_rows", "periods") }}
        left join kpi_rows as year_ago_rows
            on
                year_ago_rows.slot = 'current'
                and current_rows.grain = year_ago_rows.grain
                and periods.yoy_start = year_ago_rows.period_start
                and current_rows.dimension = year_ago_rows.dimension
                and current_rows.dimension_value = year_ago_rows.dimension_value
        left join tests
            on
                current_rows.grain = tests.grain
                and current_rows.period_start = tests.period_start
                and current_rows.dimension = tests.dimension
                and current_rows.dimension_value = tests.dimension_value
        left join targets
            on
                current_rows.grain = targets.grain
                and current_rows.period_start = targets.period_start
                and current_rows.dimension = targets.dimension
                and current_rows.dimension_value = targets.dimension_value
        where current_rows.slot = 'current'

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
