{#-
  The sums of cells (one row per grain, period_start, slot and combination of `dimensions`) for each dimension
  value, `all` included: grain, period_start, slot, dimension, dimension_value and the summed `measures`. For
  measures that add up over cells, which counts of customers do where each is in one cell of a period. Values as
  in `grouped_units`: none is `(none)`, and beyond the 200 with the largest `weight` over all periods `(other)`.
-#}
{% macro grouped_cells(cells, dimensions, measures, weight) %}
    {%- set kept_values = 200 -%}
    select
        grain,
        period_start,
        slot,
        'all' as dimension,
        'all' as dimension_value,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ cells }}
    group by grain, period_start, slot
    {%- for dimension in dimensions %}
    union all
    select
        cells.grain,
        cells.period_start,
        cells.slot,
        '{{ dimension }}' as dimension,
        case when cells.{{ dimension }} is null then '(none)' else coalesce(kept.dimension_value, '(other)') end
            as dimension_value,
        {%- for measure in measures %}
        sum(cells.{{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ cells }} as cells
    left join (
        select
            {{ dimension }} as dimension_value,
            row_number() over (order by sum({{ weight }}) desc, {{ dimension }}) as place
        from {{ cells }}
        where {{ dimension }} is not null and slot = 'current'
        group by {{ dimension }}
    ) as kept
        on kept.dimension_value = cells.{{ dimension }} and kept.place <= {{ kept_values }}
    group by
        cells.grain,
        cells.period_start,
        cells.slot,
        case when cells.{{ dimension }} is null then '(none)' else coalesce(kept.dimension_value, '(other)') end
    {%- endfor %}
{% endmacro %}
