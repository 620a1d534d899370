{#
  Percentiles of units by grain, period and dimension value, and whether medians changed: what does not add up over
  days. The units are read once a dimension for the percentiles, and once a dimension and grain for the tests; they
  are spelled out in no other form than narrow rows, dimension values as small numbers. Have `units` ordered by day:
  the groups that are being filled then stay in the processor's cache, which is worth a factor of three.

  A select of `by` (further keys, columns of the units), grain, period_start, slot (current | elapsed), dimension,
  dimension_value, and of each of `columns` (doubles, null where unknown) <column>_percentiles, a list, one of each of
  `shares`. If `tested`, also <column>_p_value of the change of the median (the first of `shares` must be 0.5) from the
  period before, where both have 30 values or more: Mood's test with Yates's correction, see `median_test_p`.

  Where a model keeps its periods (`kept_by_period`), only tonight's are made; all units are then read once more for
  all time.

  `units`, `date_column` and `months` are as in `grouped_measures`; `dimensions` are all that are wanted, `all` among them. What
  aggregates hold is freed when a statement ends: of many units, ask for one dimension at a time
  (`grouped_percentiles_inserts`).
#}
{% macro grouped_percentiles(
    units, date_column, dimensions, columns, shares, by=[], tested=true, months=none
) %}
    {%- set grains = ["day", "week", "month", "quarter"] -%}
    {%- set split_dimensions = dimensions | reject("equalto", "all") | list -%}
    {%- set places = by + ["grain", "period_start", "slot", "dimension", "place"] -%}
    {%- set is_of_some_periods = is_of_tonight() != "true" -%}
    with kept_values as (

        {% if months is none -%} {{ kept_values(units, date_column, split_dimensions) }}
        {%- else -%} {{ kept_values_of_months(months) }}
        {%- endif %}

    ),

    period_days as (

        {{ tonights_period_days(with_previous=tested) }}

    ),

    days as (

        select
            date_day
            {%- for grain in grains + ["all"] %},
            max(case when slot = 'current' and grain = '{{ grain }}' then period_start end) as {{ grain }}_start
            {%- endfor %}
        from period_days
        group by date_day

    ),

    placed_units as (

        select
            {%- for column in by %}
            units.{{ column }},
            {%- endfor %}
            {%- for column in columns %}
            units.{{ column }},
            {%- endfor %}
            cast(0 as smallint) as all_place,
            {%- for dimension in split_dimensions %}
            cast(case when units.{{ dimension }} is null then 0 else coalesce({{ dimension }}_values.place, 999) end
                as smallint) as {{ dimension }}_place,
            {%- endfor %}
            days.*
        from {{ units }} as units
        inner join days on units.{{ date_column }} = days.date_day
        {%- for dimension in split_dimensions %}
        left join kept_values as {{ dimension }}_values
            on
                {{ dimension }}_values.dimension = '{{ dimension }}'
                and units.{{ dimension }} = {{ dimension }}_values.dimension_value
        {%- endfor %}

    ),

    elapsed_days as (

        select * from period_days
        where slot = 'elapsed'

    ),

    place_percentiles as (

        {%- for dimension in dimensions %}
        {%- set own_grains = grains_of(dimension) | reject("equalto", "all" if is_of_some_periods else none) | list %}
        select
            {%- for column in by %}
            {{ column }},
            {%- endfor %}
            case
                {%- for grain in own_grains %}
                when grouping({{ grain }}_start) = 0 then '{{ grain }}'
                {%- endfor %}
            end as grain,
            case
                {%- for grain in own_grains %}
                when grouping({{ grain }}_start) = 0 then {{ grain }}_start
                {%- endfor %}
            end as period_start,
            'current' as slot,
            '{{ dimension }}' as dimension,
            {{ dimension }}_place as place
            {%- for column in columns %},
            count({{ column }}) as {{ column }}_n,
            {{ percentiles(column, shares) }} as {{ column }}_percentiles
            {%- endfor %}
        from placed_units
        {%- if is_of_some_periods %}
        where coalesce({% for grain in own_grains %}{{ grain }}_start{{ ", " if not loop.last }}{% endfor %}) is not null
        {%- endif %}
        group by grouping sets (
            {%- for grain in own_grains %}
            ({{ (by + [dimension ~ "_place", grain ~ "_start"]) | join(", ") }}){{ "," if not loop.last }}
            {%- endfor %}
        )

        union all
        {%- if is_of_some_periods %}

        select
            {%- for column in by %}
            {{ column }},
            {%- endfor %}
            'all' as grain,
            date '1900-01-01' as period_start,
            'current' as slot,
            '{{ dimension }}' as dimension,
            {{ dimension }}_place as place
            {%- for column in columns %},
            count({{ column }}) as {{ column }}_n,
            {{ percentiles(column, shares) }} as {{ column }}_percentiles
            {%- endfor %}
        from placed_units
        group by {{ (by + [dimension ~ "_place"]) | join(", ") }}

        union all
        {%- endif %}

        select
            {%- for column in by %}
            placed_units.{{ column }},
            {%- endfor %}
            elapsed_days.grain,
            elapsed_days.period_start,
            elapsed_days.slot,
            '{{ dimension }}' as dimension,
            placed_units.{{ dimension }}_place as place
            {%- for column in columns %},
            count(placed_units.{{ column }}) as {{ column }}_n,
            {{ percentiles("placed_units." ~ column, shares) }} as {{ column }}_percentiles
            {%- endfor %}
        from placed_units
        inner join elapsed_days
            on
                placed_units.date_day = elapsed_days.date_day
                and {{ has_grain("'" ~ dimension ~ "'", "elapsed_days.grain") }}
        group by
            {% for column in by %}placed_units.{{ column }}, {% endfor -%}
            elapsed_days.grain, elapsed_days.period_start, elapsed_days.slot, placed_units.{{ dimension }}_place
        {%- if not loop.last %}

        union all
        {%- endif %}
        {%- endfor %}

    )

    {%- if tested %},

    {{ median_tests(columns, by, dimensions, grains) }}
    {%- endif %}

    select
        {%- for column in by %}
        place_percentiles.{{ column }},
        {%- endfor %}
        place_percentiles.grain,
        place_percentiles.period_start,
        place_percentiles.slot,
        place_percentiles.dimension,
        case place_percentiles.place
            when 0 then case when place_percentiles.dimension = 'all' then 'all' else '(none)' end
            when 999 then '(other)'
            else kept_values.dimension_value
        end as dimension_value
        {%- for column in columns %},
        place_percentiles.{{ column }}_percentiles
        {%- if tested %},
        median_tests.{{ column }}_p_value
        {%- endif %}
        {%- endfor %}
    from place_percentiles
    left join kept_values
        on
            place_percentiles.dimension = kept_values.dimension
            and place_percentiles.place = kept_values.place
    {%- if tested %}
    left join median_tests
        on
            {%- for key in places %}
            {{ "and " if not loop.first }}place_percentiles.{{ key }} = median_tests.{{ key }}
            {%- endfor %}
    {%- endif %}
    where
        place_percentiles.period_start is not null
        and {{ is_of_tonight("place_percentiles.grain", "place_percentiles.period_start") }}
{% endmacro %}

{#
  The same in as many statements as dimensions: the model selects `grouped_percentiles` of `all`, and these, its
  post-hooks, insert the others one by one.
#}
{% macro grouped_percentiles_inserts(model, date_column, dimensions, columns, shares, by, months) %}
    {%- set inserts = [] -%}
    {%- for dimension in dimensions -%}
        {%- do inserts.append(
            "insert into {{ this }} {{ grouped_percentiles(ref('" ~ model ~ "'), " ~ [
                tojson(date_column), tojson([dimension]), tojson(columns), tojson(shares), tojson(by),
            ] | join(", ") ~ ", months=ref('" ~ months ~ "')) }}"
        ) -%}
    {%- endfor -%}
    {{- return(inserts) -}}
{% endmacro %}

{# The grains a dimension is published by, shortest first. #}
{% macro grains_of(dimension) %}
    {{- return((["day"] if dimension not in ["agent", "touchpoint"] else []) + ["week", "month", "quarter", "all"]) -}}
{% endmacro %}
