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

{# The same of the periods of the family that the model computes tonight. #}
{% macro tonights_compared_periods(family) %}
    select *
    from (
        {{ compared_periods(family) }}
    ) as compared
    where {{ is_of_tonight(family=family) }}
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
    {%- set entries = entries_of_family(family) -%}
    {%- set tested = entries.values() | selectattr("test") | map(attribute="kpi") | list -%}
    {%- set keys = ["grain", "period_start", "dimension", "dimension_value"] -%}
    {%- set tonight = is_of_tonight() -%}
    with periods as (

        {{ tonights_compared_periods(family) }}

    ),

    -- The periods made, and those they are compared with.
    kpi_rows as (

        select * from {{ ref("int_kpi_" ~ family) }}
        {%- if tonight != "true" %}
        where (grain, period_start) in (
            {%- for start in ["period_start", "previous_start", "yoy_start"] %}
            select
                grain,
                {{ start }}
            from periods
            where {{ start }} is not null
            {{- '\n            union all' if not loop.last }}
            {%- endfor %}
        )
        {%- endif %}

    ),

    tests as (

        select
            {{ keys | join(", ") }}
            {%- for kpi in tested %}
            {%- for measure in ["p_value", "q_value"] %},
            max(case when kpi = '{{ kpi }}' then {{ measure }} end) as {{ kpi }}_{{ measure }}
            {%- endfor %}
            {%- endfor %}
        from {{ ref("int_kpi_tests") }}
        where
            kpi in ('{{ tested | join("', '") }}')
            and {{ tonight }}
        group by {{ keys | join(", ") }}

    ),

    targets as (

        {{ targets_of_family(family, "kpi_rows") }}

    ),

    -- Put in order before the columns are as many as are published: what is put in order is copied twice.
    compared as (

        select
            {%- for key in keys %}
            current_rows.{{ key }},
            {%- endfor %}
            {%- for group in groups_of_family(family) %}
            periods.is_complete_{{ loop.index }},
            {%- endfor %}
            {%- for kpi, entry in entries.items() %}
            {%- for measure in kpi_columns(entry) if measure in kpi_measures() and measure != "p_value" %}
            current_rows.{{ wide_column(kpi, measure) }},
            {%- endfor %}
            {%- if entry.test %}
            tests.{{ kpi }}_p_value,
            tests.{{ kpi }}_q_value,
            {%- endif %}
            targets.{{ kpi }}_floor,
            targets.{{ kpi }}_ceiling,
            previous_rows.{{ kpi }} as {{ kpi }}_before,
            year_ago_rows.{{ kpi }} as {{ kpi }}_year_ago{{ "," if not loop.last }}
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
        {%- for other in ["tests", "targets"] %}
        left join {{ other }}
            on
                {%- for key in keys %}
                {{ "and " if not loop.first }}current_rows.{{ key }} = {{ other }}.{{ key }}
                {%- endfor %}
        {%- endfor %}
        where current_rows.slot = 'current'
        order by current_rows.grain, current_rows.dimension, current_rows.dimension_value, current_rows.period_start

    ),

    final as (

        select
            {{ keys | join(", ") }}
            {%- for group in groups_of_family(family) %}
            {%- set is_complete = "is_complete_" ~ loop.index %}
            {%- for entry in group.kpis %}
            {%- set kpi, n = entry.kpi, kpi_column(entry, "n") %}
            {%- set original = entry.mirror_of or kpi %}
            {%- set measures = {
                "previous_value": kpi ~ "_before",
                "change": kpi ~ " - " ~ kpi ~ "_before",
                "yoy_change": kpi ~ " - " ~ kpi ~ "_year_ago",
                "is_complete": "case when " ~ n ~ " > 0 then " ~ is_complete ~ " end",
                "is_small_sample": n ~ " < 30",
                "target": kpi_target(entry),
                "status": kpi_status(entry),
                "p_value": "cast(null as double)",
                "q_value": "cast(null as double)",
                "is_significant": "cast(null as boolean)",
            } %}
            {%- if original in tested %}
            {%- set is_changed = "case when " ~ measures.change ~ " is not null then " ~ original %}
            {%- do measures.update({
                "p_value": is_changed ~ "_p_value end",
                "q_value": is_changed ~ "_q_value end",
                "is_significant": is_changed ~ "_q_value < 0.05 end",
            }) %}
            {%- endif %}
            {%- for measure in kpi_measures() %},
            {{ measures[measure] or kpi_column(entry, measure) }} as {{ wide_column(kpi, measure) }}
            {%- endfor %}
            {%- endfor %}
            {%- endfor %}
            {%- for group in groups_of_family(family) %}
            {%- for column, kpi in (group.counts or {}).items() %},
            cast({{ kpi }}_numerator as bigint) as {{ column }}
            {%- endfor %}
            {%- endfor %}
        from compared

    )

    select * from final
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
