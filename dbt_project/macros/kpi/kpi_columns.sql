{#
  The KPIs of a family from its grouped measures: a select of one row per grain, period_start, slot, dimension and
  dimension_value, with the columns `kpi_columns` names for each KPI.

  `blocks` maps measures to KPIs: the name of a CTE, one row per grain, period_start, slot, dimension,
  dimension_value, -> a list of dicts (made by rate_kpi, mean_kpi, or by hand) of expressions over its columns:
    kpi          the name
    n            number of units; the KPI is there where n > 0
    where        a further condition of its being there
    is_few       whether it has too few respondents to be shown (where left out, the column is_few)
    value, numerator, denominator, ci_low, ci_high
    positive, negative, mean, variance, p_value    what its test needs (see kpi_catalog)
  What is left out is null. A KPI counted with another (see kpi_catalog) stands in the same block and takes n, where
  and is_few from it.
#}
{% macro family_kpis(family, blocks) %}
    {%- set keys = ["grain", "period_start", "slot", "dimension", "dimension_value"] -%}
    {%- set entries = entries_of_family(family) -%}
    with
    {%- for measures, kpis in blocks.items() %}
    {{ measures }}_present as (

        select
            *
            {%- for row in kpis if not entries[row.kpi].counted_with %}
            {%- set is_present = row.n ~ " > 0" ~ (" and " ~ row.where if row.where else "") %},
            case when {{ is_present }} then cast({{ row.n }} as bigint) end as {{ row.kpi }}_n,
            case when {{ is_present }} then {{ row.is_few or "is_few" }} end as {{ row.kpi }}_is_suppressed
            {%- endfor %}
        from {{ measures }}

    ),

    {{ measures }}_kpis as (

        select
            {{ keys | join(", ") }}
            {%- for row in kpis %}
            {%- set entry = entries[row.kpi] %}
            {%- for measure in kpi_columns(entry) %},
            {% if measure in ["n", "is_suppressed"] -%} {{ row.kpi }}_{{ measure }}
            {%- elif not row[measure] -%} cast(null as double) as {{ kpi_column(entry, measure) }}
            {%- elif measure in ["numerator", "denominator"] -%}
                case when {{ row.kpi }}_n is not null then cast({{ row[measure] }} as double) end as {{ row.kpi }}_{{ measure }}
            {%- else -%}
                case when not {{ kpi_column(entry, "is_suppressed") }} then cast({{ row[measure] }} as double) end
                as {{ wide_column(row.kpi, measure) }}
            {%- endif %}
            {%- endfor %}
            {%- endfor %}
        from {{ measures }}_present
        where coalesce({% for row in kpis if not entries[row.kpi].counted_with %}{{ row.kpi }}_n, {% endfor %}0) > 0

    ){{ "," if not loop.last or blocks | length > 1 }}
    {%- endfor %}

    {%- if blocks | length == 1 %}

    select * from {{ blocks.keys() | first }}_kpis
    {%- else %}

    all_keys as (

        {%- for measures in blocks %}
        select {{ keys | join(", ") }} from {{ measures }}_kpis
        {%- if not loop.last %}
        union
        {%- endif %}
        {%- endfor %}

    )

    select
        {%- for key in keys %}
        all_keys.{{ key }},
        {%- endfor %}
        {%- for measures, kpis in blocks.items() %}
        {%- set outer = loop %}
        {%- for row in kpis %}
        {%- set last = loop.last and outer.last %}
        {%- for measure in kpi_columns(entries[row.kpi]) %}
        {{ measures }}_kpis.{{ wide_column(row.kpi, measure) }}{{ "," if not (loop.last and last) }}
        {%- endfor %}
        {%- endfor %}
        {%- endfor %}
    from all_keys
    {%- for measures in blocks %}
    left join {{ measures }}_kpis
        on
            {%- for key in keys %}
            {{ "and " if not loop.first }}all_keys.{{ key }} = {{ measures }}_kpis.{{ key }}
            {%- endfor %}
    {%- endfor %}
    {%- endif %}
{% endmacro %}

{#
  The measures of a KPI that have a column of their own in int_kpi_<family>, named as in the wide mart (`wide_column`):
  what is published of it, and what the test of its change needs. `entry` is of the catalog.
#}
{% macro kpi_columns(entry) %}
    {%- set counted = ["numerator", "denominator", "n", "ci_low", "ci_high", "is_suppressed"] -%}
    {{- return(["value"] + (counted if not entry.counted_with else []) + test_inputs(entry.test)) -}}
{% endmacro %}

{# The column of int_kpi_<family> in which a measure of a KPI stands; null where it has none. #}
{% macro kpi_column(entry, measure) %}
    {%- if measure in kpi_columns(entry) -%}
        {{- return(wide_column(entry.kpi, measure)) -}}
    {%- elif entry.counted_with and measure in ["n", "is_suppressed"] -%}
        {{- return(wide_column(entry.counted_with, measure)) -}}
    {%- else -%}
        {{- return("cast(null as double)") -}}
    {%- endif -%}
{% endmacro %}

{# What the test of a KPI's change needs to know of each period, beside n and the numerator. #}
{% macro test_inputs(test) %}
    {{- return({
        "nps": ["positive", "negative"],
        "mean": ["mean", "variance"],
        "given": ["p_value"],
    }.get(test, [])) -}}
{% endmacro %}

{# A rate in percent with its Wilson interval, for `family_kpis`; `trials` is n, its test is `rate`. #}
{% macro rate_kpi(kpi, successes, trials, is_few=none, where=none) %}
    {{- return({
        "kpi": kpi,
        "n": trials,
        "numerator": successes,
        "denominator": trials,
        "value": "100.0 * cast(" ~ successes ~ " as double) / nullif(" ~ trials ~ ", 0)",
        "ci_low": wilson_interval_low(successes, trials),
        "ci_high": wilson_interval_high(successes, trials),
        "is_few": is_few,
        "where": where,
    }) -}}
{% endmacro %}

{#
  Rates of units, name -> [whether a unit counts, whether it is a success]: their `counts` and `few` for `grouped_measures`,
  and the `kpis` made of these.
#}
{% macro rate_measures(rates) %}
    {%- set counts, few, kpis = {}, {}, [] -%}
    {%- for kpi, (is_counted, is_success) in rates.items() -%}
        {%- set successes, trials, is_few = kpi ~ "_successes", kpi ~ "_trials", kpi ~ "_is_few" -%}
        {%- do counts.update({successes: units_where(is_success), trials: units_where(is_counted)}) -%}
        {%- do few.update({is_few: is_counted}) -%}
        {%- do kpis.append(rate_kpi(kpi, successes, trials, is_few)) -%}
    {%- endfor -%}
    {{- return({"counts": counts, "few": few, "kpis": kpis}) -}}
{% endmacro %}

{#
  A mean with its t interval (see mean_interval_low), for `family_kpis`, from the sum and the sum of squares of n
  values; its test is `mean`.
#}
{% macro mean_kpi(kpi, total, total_of_squares, n, scale_min=none, scale_max=none, is_few=none, where=none) %}
    {{- return({
        "kpi": kpi,
        "n": n,
        "numerator": total,
        "denominator": n,
        "value": total ~ " / nullif(" ~ n ~ ", 0)",
        "ci_low": mean_interval_low(total, total_of_squares, n, scale_min, scale_max),
        "ci_high": mean_interval_high(total, total_of_squares, n, scale_min, scale_max),
        "mean": total ~ " / nullif(" ~ n ~ ", 0)",
        "variance": variance_of_sums(total, total_of_squares, n),
        "is_few": is_few,
        "where": where,
    }) -}}
{% endmacro %}
