{#
  The rows of a family from its grouped measures: one select a KPI, all with exactly the columns of a KPI row.

  `measures` is a CTE or relation, one row per grain, period_start, slot, dimension, dimension_value, with
  `respondents` and the measures. Each of `kpis` is a dict (made by rate_kpi, or by hand) of the expressions
  over those measures: kpi and n are required, the others null where left out. Rows with n = 0 are no rows.
  `where` in the dict restricts them further.
#}
{% macro kpi_rows(family, measures, kpis) %}
    {%- for row in kpis %}
    select
        '{{ family }}' as family,
        '{{ row.kpi }}' as kpi,
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        cast({{ row.n }} as bigint) as n,
        cast({{ row.respondents or "respondents" }} as bigint) as respondents,
        {%- for column in [
            "numerator", "denominator", "value", "ci_low", "ci_high",
        ] %}
        cast({{ row[column] or "null" }} as double) as {{ column }},
        {%- endfor %}
        cast({{ "'" ~ row.test ~ "'" if row.test else "null" }} as {{ dbt.type_string() }}) as test,
        {%- for column in ["test_positive", "test_negative", "test_mean", "test_variance", "p_value"] %}
        cast({{ row[column] or "null" }} as double) as {{ column }},
        {%- endfor %}
        cast({{ "'" ~ row.mirror_of ~ "'" if row.mirror_of else "null" }} as {{ dbt.type_string() }}) as mirror_of
    from {{ measures }}
    where {{ row.n }} > 0 {%- if row.where %} and {{ row.where }}{% endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{% endmacro %}

{#
  A rate in percent with its Wilson interval and the test of rates, for `kpi_rows`; `trials` is n. A mirror is not
  tested: its p and q are its original's.
#}
{% macro rate_kpi(kpi, successes, trials, mirror_of=none, where=none, tested=true) %}
    {{- return({
        "kpi": kpi,
        "n": trials,
        "numerator": successes,
        "denominator": trials,
        "value": "100.0 * cast(" ~ successes ~ " as double) / nullif(" ~ trials ~ ", 0)",
        "ci_low": wilson_interval_low(successes, trials),
        "ci_high": wilson_interval_high(successes, trials),
        "test": "rate" if tested and not mirror_of else none,
        "test_positive": successes,
        "mirror_of": mirror_of,
        "where": where,
    }) -}}
{% endmacro %}

{#
  A mean with its t interval (see mean_interval_low) and Welch's test, for `kpi_rows`, from the sum and the sum
  of squares of n values.
#}
{% macro mean_kpi(kpi, total, total_of_squares, n, scale_min=none, scale_max=none, mirror_of=none, where=none) %}
    {{- return({
        "kpi": kpi,
        "n": n,
        "numerator": total,
        "denominator": n,
        "value": total ~ " / nullif(" ~ n ~ ", 0)",
        "ci_low": mean_interval_low(total, total_of_squares, n, scale_min, scale_max),
        "ci_high": mean_interval_high(total, total_of_squares, n, scale_min, scale_max),
        "test": "mean" if not mirror_of else none,
        "test_mean": total ~ " / nullif(" ~ n ~ ", 0)",
        "test_variance": variance_of_sums(total, total_of_squares, n),
        "mirror_of": mirror_of,
        "where": where,
    }) -}}
{% endmacro %}
