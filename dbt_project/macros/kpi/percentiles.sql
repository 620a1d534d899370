{#
  Exact percentiles (linear interpolation between the two nearest values) of a column as one list, an aggregate;
  `nth` takes one out. One list is one sort: three separate percentiles cost twice that and more memory.
#}
{% macro percentiles(column, shares) %}
    {{- adapter.dispatch("percentiles")(column, shares) -}}
{% endmacro %}

{% macro default__percentiles(column, shares) -%}
    percentile({{ column }}, array({{ shares | join(", ") }}))
{%- endmacro %}

{% macro duckdb__percentiles(column, shares) -%}
    quantile_cont({{ column }}, [{{ shares | join(", ") }}])
{%- endmacro %}

{# The element of a list at a place counted from 1. #}
{% macro nth(list, place) %}
    {{- adapter.dispatch("nth")(list, place) -}}
{% endmacro %}

{% macro default__nth(list, place) -%}
    element_at({{ list }}, {{ place }})
{%- endmacro %}

{% macro duckdb__nth(list, place) -%}
    list_extract({{ list }}, {{ place }})
{%- endmacro %}
