{#
  A KPI's own history as numbers that can be held against one another: `measure`, the value on the scale on which it
  is nearest to normal, and `unit_variance`, the variance of one of its n units there (null: unknown, the history alone
  tells how it varies).

    durations       ln(1 + value), the scale of their tests; a median's or percentile's variance is that of a normal
                    sample's (Kendall and Stuart, 14.10): the mean's times q (1 - q) / phi(z_q)^2
    counts          ln(1 + value), those of a Poisson variable
    all others      the value, its variance that of its 95 % interval

  None for a mirror, for the shares of the NPS, which say what the NPS says, and for running counts.
#}
{% macro kpi_point(entry) %}
    {%- set kpi = entry.kpi -%}
    {%- set root, suffix = kpi.rsplit("_", 1) if "_" in kpi else [kpi, ""] -%}
    {%- set percentiles = {"median": 1.5708, "p90": 2.9221, "p95": 4.4656} -%}
    {%- if entry.mirror_of or (entry.unit == "percent" and not entry.test and kpi not in ["grr", "nrr"])
        or (entry.is_running and not entry.test) -%}
        {%- set point = none -%}
    {%- elif suffix == "avg" and "rating" not in kpi -%}
        {%- set point = {"measure": kpi ~ "_mean", "unit_variance": kpi ~ "_variance", "is_log": true} -%}
    {%- elif suffix in percentiles -%}
        {%- set point = {
            "measure": "ln(1 + " ~ kpi ~ ")",
            "unit_variance": percentiles[suffix] ~ " * " ~ root ~ "_avg_variance",
            "is_log": true,
        } -%}
    {%- elif entry.unit in ["tickets", "customers"] and kpi != "tickets_net" -%}
        {%- set point = {
            "measure": "ln(1 + " ~ kpi ~ ")",
            "unit_variance": kpi ~ "_n / (1.0 + " ~ kpi ~ ")",
            "is_log": true,
        } -%}
    {%- else -%}
        {%- set half = "(" ~ kpi ~ "_ci_high - " ~ kpi ~ "_ci_low) / 3.92" -%}
        {%- set point = {
            "measure": kpi,
            "unit_variance": kpi ~ "_n * (" ~ half ~ ") * (" ~ half ~ ")",
            "is_log": false,
        } -%}
    {%- endif -%}
    {{- return(point) -}}
{% endmacro %}

{#
  Whether a KPI of a group of the catalog is watched for anomalies. Of a duration its median alone, on both clocks: the
  mean goes with its tail, and four statistics of one wait are one piece of news found at the price of four. Not what
  shares units from period to period.
#}
{% macro is_watched(entry, group) %}
    {%- set median = entry.kpi.removesuffix("_avg") ~ "_median" -%}
    {{- return(not (
        entry.is_running
        or entry.kpi.endswith("_p90") or entry.kpi.endswith("_p95")
        or (entry.kpi.endswith("_avg") and median in group.kpis | map(attribute="kpi"))
    )) -}}
{% endmacro %}

{#
  A condition: a period is a day of more than so many days ago. Of the other grains none ever is: they are few.
#}
{% macro is_too_old_a_day(days, grain="grain", period_start="period_start") -%}
    (
        {{ grain }} = 'day'
        and {{ period_start }} <= (select {{ add_days("as_of_date", -days) }} from {{ ref("int_as_of") }})
    )
{%- endmacro %}

{# For how many days back days are watched: those told, those that silence them, and the run these are made of. #}
{% macro watched_days() %}
    {%- set how = watched_grains().day -%}
    {{- return(told_days().day + how.silence + how.run) -}}
{% endmacro %}

{# For how many days back days are kept as points: those watched, what tells how they follow one another, how widely they
   vary, and what is usual. #}
{% macro pointed_days() %}
    {%- set how = watched_grains().day -%}
    {{- return(watched_days() + how.spread + how.run + how.spread + 7 * how.base) -}}
{% endmacro %}

{# The number of a period of a grain, so that the next one has the next number. #}
{% macro period_number(grain, period_start) -%}
    {%- set days = days_between("date '1970-01-01'", period_start) -%}
    case {{ grain }}
        when 'day' then {{ days }}
        -- 1969-12-29 was a Monday.
        when 'week' then cast(floor(({{ days }} + 3) / 7) as integer)
        when 'month' then cast(12 * extract(year from {{ period_start }}) + extract(month from {{ period_start }}) as integer)
        when 'quarter' then
            cast(4 * extract(year from {{ period_start }}) + extract(quarter from {{ period_start }}) as integer)
    end
{%- endmacro %}

{# What a value on the scale of a point is in the KPI's own unit. #}
{% macro from_point_scale(value, is_log) -%}
    case when {{ is_log }} then exp({{ value }}) - 1 else {{ value }} end
{%- endmacro %}

{# The periods of which findings are told: grain -> days before as_of. #}
{% macro told_days() %}
    {{- return({"day": 60, "week": 371, "month": 731, "quarter": 1096}) -}}
{% endmacro %}

{# The median of a column in a window. #}
{% macro median_over(column, window) %}
    {{- adapter.dispatch("median_over")(column, window) -}}
{% endmacro %}

{% macro default__median_over(column, window) -%}
    percentile({{ column }}, 0.5) over {{ window }}
{%- endmacro %}

{% macro duckdb__median_over(column, window) -%}
    quantile_cont({{ column }}, 0.5) over {{ window }}
{%- endmacro %}
