{#
  What the mean, the median and the upper percentiles of `columns` (doubles, null where unknown) are told by: a select
  as of `grouped_measures`, and of each column <column>_n, _sum, _squares, _log_sum, _log_squares (of ln(1 + value)),
  _median, _p90, _p95, _p_value (of the change of the median, see `grouped_percentiles`) and _is_few. Its KPIs are
  `spread_kpis`. The units should be ordered by day. `percentiles_in` names the relation that has their
  `grouped_percentiles`, where there are too many to make these in the same statement; `months` the one that has the
  `month_measures` of `spread_measures(columns)`.
#}
{% macro grouped_spreads(units, date_column, dimensions, columns, by=[], percentiles_in=none, months=none) %}
    {%- set keys = by + ["grain", "period_start", "slot", "dimension", "dimension_value"] -%}
    {%- set spread = spread_measures(columns) -%}
    with sums as (

        {{ grouped_measures(units, date_column, dimensions, spread.sums, spread.few, by, months=months) }}

    ),

    group_percentiles as (

        {% if percentiles_in -%}
        select * from {{ percentiles_in }}
        where {{ is_of_tonight() }}
        {%- else -%} {{ grouped_percentiles(units, date_column, ["all"] + dimensions, columns, [0.5, 0.9, 0.95], by) }}
        {%- endif %}

    )

    select
        sums.*
        {%- for column in columns %}
        {%- for name in ["median", "p90", "p95"] %},
        {{ nth("group_percentiles." ~ column ~ "_percentiles", loop.index) }} as {{ column }}_{{ name }}
        {%- endfor %},
        group_percentiles.{{ column }}_p_value
        {%- endfor %}
    from sums
    inner join group_percentiles
        on
            {%- for key in keys %}
            {{ "and " if not loop.first }}sums.{{ key }} = group_percentiles.{{ key }}
            {%- endfor %}
{% endmacro %}

{# What adds up of `columns`: `sums` as in `measures` of `grouped_measures`, and `few`. #}
{% macro spread_measures(columns) %}
    {%- set sums, few = {}, {} -%}
    {%- for column in columns -%}
        {%- set is_known = column ~ " is not null" -%}
        {%- set log = "ln(1 + " ~ column ~ ")" -%}
        {%- do few.update({column ~ "_is_few": is_known}) -%}
        {%- do sums.update({
            column ~ "_n": units_where(is_known),
            column ~ "_sum": total_of(column),
            column ~ "_squares": total_of(column ~ " * " ~ column),
            column ~ "_log_sum": total_of(log),
            column ~ "_log_squares": total_of(log ~ " * " ~ log),
        }) -%}
    {%- endfor -%}
    {{- return({"sums": sums, "few": few}) -}}
{% endmacro %}

{#
  The KPIs <kpi>_avg, _median, _p90 and _p95 of a column of `grouped_spreads`, for `family_kpis`. The mean is tested on
  ln(1 + value), which is nearer to normal.
#}
{% macro spread_kpis(kpi, column) %}
    {%- set n, is_few = column ~ "_n", column ~ "_is_few" -%}
    {%- set average = mean_kpi(kpi ~ "_avg", column ~ "_sum", column ~ "_squares", n, is_few=is_few) -%}
    {%- do average.update({
        "mean": column ~ "_log_sum / nullif(" ~ n ~ ", 0)",
        "variance": variance_of_sums(column ~ "_log_sum", column ~ "_log_squares", n),
    }) -%}
    {%- set kpis = [average] -%}
    {%- for name in ["median", "p90", "p95"] -%}
        {%- do kpis.append({"kpi": kpi ~ "_" ~ name, "n": n, "is_few": is_few, "value": column ~ "_" ~ name}) -%}
    {%- endfor -%}
    {%- do kpis[1].update({"p_value": column ~ "_p_value"}) -%}
    {{- return(kpis) -}}
{% endmacro %}
