{#
  A select of every unit once per grain, period and dimension it counts in: all unit columns plus grain,
  period_start, slot (current | elapsed), dimension, dimension_value. For what adds up over days in no way; where it
  does, `grouped_measures` is many times cheaper. Hand it no more columns than the aggregates need.

  `units`, `date_column`, `dimensions` and `ranked` are as in `grouped_measures`.
#}
{% macro grouped_units(units, date_column, dimensions, ranked=none) %}
    {%- set dimensions = dimensions | reject("equalto", "all") | list -%}
    select
        units.*,
        period_days.grain,
        period_days.period_start,
        period_days.slot,
        dimensions.dimension,
        case
            when dimensions.dimension = 'all' then 'all'
            {%- for dimension in dimensions %}
            when dimensions.dimension = '{{ dimension }}' then
                {{ kept_value("'" ~ dimension ~ "'", "units." ~ dimension) }}
            {%- endfor %}
        end as dimension_value
    from {{ units }} as units
    cross join (
        select 'all' as dimension
        {%- for dimension in dimensions %}
        union all select '{{ dimension }}'
        {%- endfor %}
    ) as dimensions
    left join (
        {{ kept_values(ranked or units, date_column, dimensions) }}
    ) as kept_values
        on kept_values.dimension = dimensions.dimension
        and kept_values.dimension_value = case dimensions.dimension
            {%- for dimension in dimensions %}
            when '{{ dimension }}' then units.{{ dimension }}
            {%- endfor %}
        end
    inner join ({{ tonights_period_days() }}) as period_days
        on period_days.date_day = units.{{ date_column }}
        and {{ has_grain("dimensions.dimension", "period_days.grain") }}
{% endmacro %}
