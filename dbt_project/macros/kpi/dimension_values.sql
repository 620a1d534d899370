{#
  A select of dimension, dimension_value, place (from 1): the values that keep their name in the KPIs, the 200 with
  most `units` over all time (so that a value keeps its name from period to period; ties by name), or as many as `most`.
#}
{% macro kept_values(units, dimensions, most=200) %}
    select
        dimension,
        dimension_value,
        cast(place as smallint) as place
    from (
        {%- if not dimensions %}
        select
            cast(null as {{ dbt.type_string() }}) as dimension,
            cast(null as {{ dbt.type_string() }}) as dimension_value,
            0 as place
        where false
        {%- endif %}
        {%- for dimension in dimensions %}
        select
            '{{ dimension }}' as dimension,
            {{ dimension }} as dimension_value,
            row_number() over (order by count(*) desc, {{ dimension }}) as place
        from {{ units }}
        where {{ dimension }} is not null
        group by {{ dimension }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as ranked_values
    where place <= {{ most }}
{% endmacro %}

{#
  The published value of a dimension, where `kept_values` is left joined on the dimension and the unit's value: a
  missing one is `(none)`, one that is not kept `(other)`; the one value of `all` is itself.
#}
{% macro kept_value(dimension, unit_value) -%}
    case
        when {{ unit_value }} is null then '(none)'
        when {{ dimension }} = 'all' then 'all'
        else coalesce(kept_values.dimension_value, '(other)')
    end
{%- endmacro %}

{# Whether a dimension is published by a grain: agents and touchpoints start at the week. #}
{% macro has_grain(dimension, grain) -%}
    ({{ grain }} <> 'day' or {{ dimension }} not in ('agent', 'touchpoint'))
{%- endmacro %}
