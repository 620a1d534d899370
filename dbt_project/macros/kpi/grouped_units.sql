{#
  A select of every unit once per grain, period and dimension it counts in: all unit columns plus grain,
  period_start, slot (current | elapsed), dimension, dimension_value. Aggregate it by those five.

  `units` names a relation or CTE, one row per thing counted, with `date_column` (its day in the reporting zone)
  and one text column named as each of `dimensions`; the dimension `all` is added. A missing value is `(none)`.
  Beyond the 200 values with most units (over all time, so that a value keeps its name from period to period;
  ties by name) a value is `(other)`. Agents and touchpoints start at the week.
#}
{% macro grouped_units(units, date_column, dimensions) %}
    {%- set kept_values = 200 -%}
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
                case when units.{{ dimension }} is null then '(none)' else coalesce(kept.dimension_value, '(other)') end
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
        select dimension, dimension_value
        from (
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
        ) as ranked
        where place <= {{ kept_values }}
    ) as kept
        on kept.dimension = dimensions.dimension
        and kept.dimension_value = case dimensions.dimension
            {%- for dimension in dimensions %}
            when '{{ dimension }}' then units.{{ dimension }}
            {%- endfor %}
        end
    inner join {{ ref("int_period_days") }} as period_days
        on period_days.date_day = units.{{ date_column }}
        and (period_days.grain <> 'day' or dimensions.dimension not in ('agent', 'touchpoint'))
{% endmacro %}
