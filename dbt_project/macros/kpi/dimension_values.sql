{#
  A select of dimension, dimension_value, place (from 1): the values that keep their name in the KPIs, the 200 with
  most `units`, or as many as `most`. Those of months that have ended are counted, over all time, so that a value keeps
  its name from period to period and, until the month ends, from night to night; those of the open month count for
  values that have no others. Of values with as many the name decides. `date_column` is the units' day in the reporting
  zone.
#}
{% macro kept_values(units, date_column, dimensions, most=200) %}
    with ended_months as (

        {{ ended_months() | indent(4) }}

    )

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
            row_number() over (
                order by
                    count(case when {{ date_column }} <= last_day then 1 end) desc,
                    case when count(case when {{ date_column }} <= last_day then 1 end) = 0 then count(*) end desc,
                    {{ dimension }}
            ) as place
        from {{ units }}
        cross join ended_months
        where {{ dimension }} is not null
        group by {{ dimension }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as ranked_values
    where place <= {{ most }}
{% endmacro %}

{# `kept_values` of the units whose numbers `n` stand in `sums`, by dimension, their own value and a `day` of theirs or of their month. #}
{% macro kept_values_of_sums(sums, day) %}
    select
        dimension,
        dimension_value,
        cast(place as smallint) as place
    from (
        select
            dimension,
            unit_value as dimension_value,
            row_number() over (
                partition by dimension
                order by
                    sum(case when {{ day }} <= last_day then n else 0 end) desc,
                    case when sum(case when {{ day }} <= last_day then n else 0 end) = 0 then sum(n) end desc,
                    unit_value
            ) as place
        from {{ sums }}
        cross join ({{ ended_months() }}) as ended_months
        where
            dimension <> 'all'
            and unit_value is not null
        group by
            dimension,
            unit_value
    ) as ranked_values
    where place <= 200
{% endmacro %}

{# A select of one row: the last day of the months that have ended; null where none has. #}
{% macro ended_months() %}
    select max(date_day) as last_day
    from {{ ref("int_period_days") }}
    where is_month_ended
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
