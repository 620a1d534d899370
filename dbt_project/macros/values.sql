{#- Values: small expressions whose spelling differs between engines. -#}

{#- Whether a name stands in a comma-separated list (null: it does not). -#}
{% macro is_listed(name, list_column) -%}
    (position(',{{ name }},' in concat(',', coalesce({{ list_column }}, ''), ',')) > 0)
{%- endmacro %}

{#- The value that goes with the greatest rank, among the rows where the value is not null. -#}
{% macro latest_known(value, rank) -%}
    {{ adapter.dispatch('latest_known')(value, rank) }}
{%- endmacro %}

{% macro default__latest_known(value, rank) -%}
    max_by({{ value }}, {{ rank }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro duckdb__latest_known(value, rank) -%}
    arg_max({{ value }}, {{ rank }}) filter (where {{ value }} is not null)
{%- endmacro %}

{#- One declared attribute of a map column; null where the map or the name is missing. -#}
{% macro attribute(name, map_column='attributes') -%}
    {{ adapter.dispatch('attribute')(name, map_column) }}
{%- endmacro %}

{% macro default__attribute(name, map_column) -%}
    {{ map_column }}['{{ name }}']
{%- endmacro %}

{% macro duckdb__attribute(name, map_column) -%}
    map_extract_value({{ map_column }}, '{{ name }}')
{%- endmacro %}

{#- The attributes the settings declare for an entity, as a list of names. -#}
{% macro declared_attributes(entity) -%}
    {{ return(var('attributes').get(entity, [])) }}
{%- endmacro %}

{#- Select-list items, one a declared attribute of the entity, each followed by a comma. -#}
{% macro attribute_columns(entity, map_column='attributes') -%}
    {%- for name in declared_attributes(entity) %}
    {{ attribute(name, map_column) }} as {{ name }},
    {%- endfor %}
{%- endmacro %}

{#- The end ('min' or 'max') of the scale a metric has where nobody declares one. -#}
{% macro default_scale(metric, end) -%}
    case {{ metric }}
        {%- for name, ends in var('default_scales').items() %}
        when '{{ name }}' then {{ ends[0 if end == 'min' else 1] }}
        {%- endfor %}
    end
{%- endmacro %}

{#- A sum (double) of fractions that comes out the same to the last bit in whatever order its rows are read, as
    one of doubles does not when several threads add; exact to the twelfth decimal. `window` makes it a window's. -#}
{% macro stable_sum(value, window=none) -%}
    cast(
        sum(cast({{ value }} as decimal(38, 12))){{ ' over (' ~ window ~ ')' if window }} as double
    )
{%- endmacro %}

{#- The mean that goes with it; null where no value is. -#}
{% macro stable_avg(value) -%}
    ({{ stable_sum(value) }} / nullif(count({{ value }}), 0))
{%- endmacro %}

{#- The columns of a mart's contract: for a last select that orders by a key which is not published. -#}
{% macro contract_columns() -%}
    {{ model.columns | join(', ') if model is defined and model.columns else '*' }}
{%- endmacro %}
