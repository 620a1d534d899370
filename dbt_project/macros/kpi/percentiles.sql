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

{# The element of a list at a place counted from 1; null beyond its end. #}
{% macro nth(list, place) %}
    {{- adapter.dispatch("nth")(list, place) -}}
{% endmacro %}

{% macro default__nth(list, place) -%}
    try_element_at({{ list }}, cast({{ place }} as int))
{%- endmacro %}

{% macro duckdb__nth(list, place) -%}
    list_extract({{ list }}, {{ place }})
{%- endmacro %}

{# An aggregate: the list of a column's values where a condition holds, empty where it never does. #}
{% macro values_where(column, condition) %}
    {{- adapter.dispatch("values_where")(column, condition) -}}
{% endmacro %}

{% macro default__values_where(column, condition) -%}
    collect_list(case when {{ condition }} then {{ column }} end)
{%- endmacro %}

{% macro duckdb__values_where(column, condition) -%}
    coalesce(list({{ column }}) filter ({{ condition }}), [])
{%- endmacro %}

{# Two lists of numbers as one, the greatest first. #}
{% macro joined_descending(list, other) %}
    {{- adapter.dispatch("joined_descending")(list, other) -}}
{% endmacro %}

{% macro default__joined_descending(list, other) -%}
    sort_array(concat({{ list }}, {{ other }}), false)
{%- endmacro %}

{% macro duckdb__joined_descending(list, other) -%}
    list_reverse_sort(list_concat({{ list }}, {{ other }}))
{%- endmacro %}

{# How many numbers of a list are above a bound. #}
{% macro count_above(list, bound) %}
    {{- adapter.dispatch("count_above")(list, bound) -}}
{% endmacro %}

{% macro default__count_above(list, bound) -%}
    size(filter({{ list }}, element -> element > {{ bound }}))
{%- endmacro %}

{% macro duckdb__count_above(list, bound) -%}
    len(list_filter({{ list }}, lambda element: element > {{ bound }}))
{%- endmacro %}
