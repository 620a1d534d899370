{#
  How each grain is watched: grain -> how many periods of history tell what is usual (`base`) and how widely values
  vary (`spread`), of each at least how many must be there, how many periods together make a level (`run`, at least
  `run_least` of them), and for how long a level shift that was told is not told again (`silence`). Days are held
  against the same weekday: 8 of `base` are eight weeks. Quarters are too few to watch.
#}
{% macro watched_grains() %}
    {{- return({
        "day": {"base": 8, "base_least": 5, "spread": 84, "spread_least": 28, "run": 7, "run_least": 5, "silence": 42},
        "week": {"base": 26, "base_least": 8, "spread": 52, "spread_least": 12, "run": 4, "run_least": 3, "silence": 16},
        "month": {"base": 12, "base_least": 6, "spread": 24, "spread_least": 9, "run": 3, "run_least": 3, "silence": 9},
    }) -}}
{% endmacro %}

{# The false discovery rate of the anomalies of one grain and period. #}
{% macro anomaly_rate() %}0.01{% endmacro %}

{# A window over one series (a KPI of one dimension value), a stretch of it told in periods. #}
{% macro series_window(stretch, number="period_number", within=none) -%}
    (
        partition by kpi, dimension, dimension_value{{ ", " ~ within if within }}
        order by {{ number }}
        range between {{ stretch }}
    )
{%- endmacro %}
