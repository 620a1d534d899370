{#
  Percentiles of units by grain, period and dimension value, and whether medians changed: what does not add up over
  days. The units are read once a dimension and grain for the percentiles, and once more for the tests; they are
  spelled out in no other form than narrow rows, dimension values as small numbers. Have `units` ordered by day:
  the groups that are being filled then stay in the processor's cache, which is worth a factor of three.

  A select of `by` (further keys, columns of the units), grain, period_start, slot (current | elapsed), dimension,
  dimension_value, and of each of `columns` (doubles, null where unknown) <column>_percentiles, a list, one of each of
  `shares`. If periods are `compared`, also <column>_p_value of the change of the median (the first of `shares` must be
  0.5) from the period before, where both have 30 values or more: Mood's test with Yates's correction, see
  `median_tests`; if they are not, there is no slot but `current`.

  Where a model keeps its periods (`kept_by_period`), only tonight's are made, and those they are compared with.

  `units`, `date_column` and `months` are as in `grouped_measures`; `dimensions` are all that are wanted, `all` among them,
  as are `grains`, and the units that meet the condition `counted` (dimension values keep their names by all units).
#}
{% macro grouped_percentiles(
    units,
    date_column,
    dimensions,
    columns,
    shares,
    by=[],
    compared=true,
    months=none,
    grains=["day", "week", "month", "quarter", "all"],
    counted="true"
) %}
    {%- set split_dimensions = dimensions | reject("equalto", "all") | list -%}
    {%- set places = by + ["grain", "period_start", "slot", "dimension", "place"] -%}
    {%- set tested_grains = grains | reject("equalto", "all") | list if compared else [] -%}
    {%- set groups = [] -%}
    {%- for dimension in dimensions -%}
        {%- for grain in grains_of(dimension) if grain in grains -%}
            {%- do groups.append({"dimension": dimension, "grain": grain}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {#- A night's periods have few units, all time has all. -#}
    {%- set is_all_time_apart = "all" in grains and grains | length > 1 and is_of_tonight() != "true" -%}
    with kept_values as (

        {% if months is none -%} {{ kept_values(units, date_column, split_dimensions) }}
        {%- else -%} {{ kept_values_of_sums(months, "period_start") }}
        {%- endif %}

    ),

    period_days as (

        select * from (
            {{ tonights_period_days(with_previous=compared) }}
        ) as tonights_days
        where
            grain in ('{{ grains | join("', '") }}')
            {{- " and slot = 'current'" if not compared }}

    ),

    days as (

        select
            date_day,
            max(case when grain <> 'all' then 1 else 0 end) = 1 as is_of_period
            {%- for grain in grains %},
            max(case when slot = 'current' and grain = '{{ grain }}' then period_start end) as {{ grain }}_start
            {%- endfor %}
        from period_days
        group by date_day

    ),

    {%- for name in ["placed_units", "all_time_units"] if name == "placed_units" or is_all_time_apart %}

    {{ name }} {{ as_read_anew() if groups | length == 1 else "as" }} (

        select
            {%- for column in by %}
            units.{{ column }},
            {%- endfor %}
            {%- for column in columns %}
            units.{{ column }},
            {%- endfor %}
            {%- if "all" in dimensions %}
            cast(0 as smallint) as all_place,
            {%- endif %}
            {%- for dimension in split_dimensions %}
            cast(case when units.{{ dimension }} is null then 0 else coalesce({{ dimension }}_values.place, 999) end
                as smallint) as {{ dimension }}_place,
            {%- endfor %}
            days.*
        from {{ units }} as units
        inner join days
            on
                units.{{ date_column }} = days.date_day
                {{- " and days.is_of_period" if is_all_time_apart and name == "placed_units" }}
        {%- for dimension in split_dimensions %}
        left join kept_values as {{ dimension }}_values
            on
                {{ dimension }}_values.dimension = '{{ dimension }}'
                and units.{{ dimension }} = {{ dimension }}_values.dimension_value
        {%- endfor %}
        where {{ counted }}

    ),
    {%- endfor %}

    {%- if compared %}

    elapsed_days as (

        select * from period_days
        where slot = 'elapsed'

    ),
    {%- endif %}

    place_percentiles as (

        {%- for group in groups %}
        select
            {%- for column in by %}
            {{ column }},
            {%- endfor %}
            '{{ group.grain }}' as grain,
            {{ group.grain }}_start as period_start,
            'current' as slot,
            '{{ group.dimension }}' as dimension,
            {{ group.dimension }}_place as place
            {%- for column in columns %},
            count({{ column }}) as {{ column }}_n,
            {{ percentiles(column, shares) }} as {{ column }}_percentiles
            {%- endfor %}
        from {{ "all_time_units" if is_all_time_apart and group.grain == "all" else "placed_units" }}
        where {{ group.grain }}_start is not null
        group by {{ (by + [group.dimension ~ "_place", group.grain ~ "_start"]) | join(", ") }}
        {%- if not loop.last %}

        union all
        {%- endif %}
        {%- endfor %}
        {%- for dimension in dimensions if compared %}

        union all

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
        {%- endfor %}

    )

    {%- if tested_grains %},

    {{ median_tests(columns, by, groups | selectattr("grain", "in", tested_grains) | list) }}
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
        {%- if compared %},
        {{ "median_tests." ~ column ~ "_p_value" if tested_grains else "cast(null as double) as " ~ column ~ "_p_value" }}
        {%- endif %}
        {%- endfor %}
    from place_percentiles
    left join kept_values
        on
            place_percentiles.dimension = kept_values.dimension
            and place_percentiles.place = kept_values.place
    {%- if tested_grains %}
    left join median_tests
        on
            {%- for key in places %}
            {{ "and " if not loop.first }}place_percentiles.{{ key }} = median_tests.{{ key }}
            {%- endfor %}
    {%- endif %}
    where {{ is_of_tonight("place_percentiles.grain", "place_percentiles.period_start") }}
{% endmacro %}

{#
  The same of any number of units, a relation, in as many statements as it takes (`percentile_parts`): a model selects
  `percentiles_in_parts`, the first, and its post-hook, `insert_percentile_parts` of the same, inserts the others. Its
  pre-hook is `let_statements_fill_memory`: lists that are told to spill are read and written again for every value
  that comes (14 million values took 71 s and 27 GB of disk where they need 3 s and 1.2 GB of memory).
#}
{% macro percentiles_in_parts(units, date_column, dimensions, columns, shares, by=[], compared=true, months=none) %}
    {%- set part = percentile_parts(units, date_column, dimensions, columns, by, compared) | first -%}
    {{ grouped_percentiles(
        units, date_column, part.dimensions, columns, shares, by, compared, months, part.grains, part.counted
    ) }}
{% endmacro %}

{% macro insert_percentile_parts(units, date_column, dimensions, columns, shares, by=[], compared=true, months=none) %}
    {%- for part in percentile_parts(units, date_column, dimensions, columns, by, compared)[1:] -%}
        {%- set rows = grouped_percentiles(
            units, date_column, part.dimensions, columns, shares, by, compared, months, part.grains, part.counted
        ) -%}
        {%- do run_query("insert into " ~ this ~ " " ~ rows) -%}
    {%- endfor -%}
{% endmacro %}

{#
  What to ask for in one statement. Until it ends it holds each value of tonight's periods once a dimension and grain, in some forty bytes
  (its list grows by doubling). Of more values than `percentile_values` it asks for one dimension at a time; of still
  more for one grain of it, and at last for one value of `by`.
#}
{% macro percentile_parts(units, date_column, dimensions, columns, by, compared) %}
    {%- set most_values = var("percentile_values") -%}
    {%- set parts, counted = [], ["true"] -%}
    {%- set units_of_grains = run_query(
        "select count(*) from " ~ units ~ " inner join (" ~ tonights_period_days(with_previous=compared)
        ~ ") as period_days on " ~ date_column ~ " = date_day group by grain"
    ).columns[0].values() if execute else [] -%}
    {%- set values = units_of_grains | sum * columns | length -%}
    {%- if (units_of_grains | max or 0) * columns | length > most_values and by -%}
        {%- set counted = [] -%}
        {%- for row in run_query("select distinct " ~ by[0] ~ " from " ~ units ~ " order by 1") -%}
            {%- do counted.append("units." ~ by[0] ~ " = '" ~ row[0] ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set grains = ["day", "week", "month", "quarter", "all"] -%}
    {%- if values * dimensions | length <= most_values -%}
        {%- do parts.append({"dimensions": dimensions, "grains": grains, "counted": "true"}) -%}
    {%- elif values <= most_values -%}
        {%- for dimension in dimensions -%}
            {%- do parts.append({"dimensions": [dimension], "grains": grains, "counted": "true"}) -%}
        {%- endfor -%}
    {%- else -%}
        {%- for dimension in dimensions -%}
            {%- for grain in grains_of(dimension) -%}
                {%- for condition in counted -%}
                    {%- do parts.append({"dimensions": [dimension], "grains": [grain], "counted": condition}) -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(parts) -}}
{% endmacro %}

{# The grains a dimension is published by, shortest first. #}
{% macro grains_of(dimension) %}
    {{- return((["day"] if dimension not in ["agent", "touchpoint"] else []) + ["week", "month", "quarter", "all"]) -}}
{% endmacro %}
