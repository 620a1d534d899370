{#
  The CTEs of `grouped_percentiles` that test the change of medians from one period to the next, after Mood: how many
  values of either period lie above the median of both together.

  That median lies between the medians of the two, so that only the few values between them need be looked at one by
  one: of each group its *middle*, from the least to the greatest of its own median and those of the periods it is
  compared with, is kept as a list, and what is above the middle is counted. Whether a value is above the common
  median is the same as whether it is above the (N / 2 + 1)-th greatest of all N (rounded down), which may lie just
  below both middles.
#}
{% macro median_tests(columns, by, groups) %}
    {%- set keys = by + ["grain", "period_start", "dimension", "place"] -%}
    periods as (

        select * from {{ ref("int_periods") }}
        where is_ended

    ),

    pairs as (

        select
            {%- for column in by %}
            later.{{ column }},
            {%- endfor %}
            later.grain,
            later.dimension,
            later.place,
            later.period_start,
            earlier.period_start as earlier_start
            {%- for column in columns %},
            later.{{ column }}_n >= 30 and earlier.{{ column }}_n >= 30 as {{ column }}_is_tested,
            later.{{ column }}_n + earlier.{{ column }}_n as {{ column }}_pair_n,
            later.{{ column }}_n,
            earlier.{{ column }}_n as {{ column }}_earlier_n,
            {{ nth("later." ~ column ~ "_percentiles", 1) }} as {{ column }}_median,
            {{ nth("earlier." ~ column ~ "_percentiles", 1) }} as {{ column }}_earlier_median
            {%- endfor %}
        from place_percentiles as later
        inner join periods
            on
                later.grain = periods.grain
                and later.period_start = periods.period_start
        inner join place_percentiles as earlier
            on
                {%- for column in by %}
                later.{{ column }} = earlier.{{ column }} and
                {%- endfor %}
                later.grain = earlier.grain
                and periods.previous_period_start = earlier.period_start
                and later.dimension = earlier.dimension
                and later.place = earlier.place
        where
            later.slot = 'current'
            and earlier.slot = 'current'
            and ({% for column in columns %}
                {{- "" if loop.first else " or " }}later.{{ column }}_n >= 30 and earlier.{{ column }}_n >= 30
            {%- endfor %})

    ),

    middle_bounds as (

        select
            {{ keys | join(", ") }}
            {%- for column in columns %},
            min(case when {{ column }}_is_tested then least({{ column }}_median, {{ column }}_earlier_median) end)
                as {{ column }}_low,
            max(case when {{ column }}_is_tested then greatest({{ column }}_median, {{ column }}_earlier_median) end)
                as {{ column }}_high
            {%- endfor %}
        from (
            {%- for start in ["period_start", "earlier_start"] %}
            select
                {%- for column in by %}
                {{ column }},
                {%- endfor %}
                grain,
                dimension,
                place,
                {{ start }} as period_start
                {%- for column in columns %},
                {{ column }}_is_tested,
                {{ column }}_median,
                {{ column }}_earlier_median
                {%- endfor %}
            from pairs
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
        ) as compared_groups
        group by {{ keys | join(", ") }}

    ),

    middles as (

        {%- for group in groups %}
        {%- set dimension, grain = group.dimension, group.grain %}
        select
            {%- for column in by %}
            placed_units.{{ column }},
            {%- endfor %}
            '{{ grain }}' as grain,
            placed_units.{{ grain }}_start as period_start,
            '{{ dimension }}' as dimension,
            placed_units.{{ dimension }}_place as place
            {%- for column in columns %},
            count(case when {{ column }} > {{ column }}_high then 1 end) as {{ column }}_above,
            {{ values_where(column, column ~ " between " ~ column ~ "_low and " ~ column ~ "_high") }}
                as {{ column }}_middle
            {%- endfor %}
        from placed_units
        inner join middle_bounds
            on
                {%- for column in by %}
                placed_units.{{ column }} = middle_bounds.{{ column }} and
                {%- endfor %}
                middle_bounds.grain = '{{ grain }}'
                and placed_units.{{ grain }}_start = middle_bounds.period_start
                and middle_bounds.dimension = '{{ dimension }}'
                and placed_units.{{ dimension }}_place = middle_bounds.place
        group by
            {% for column in by %}placed_units.{{ column }}, {% endfor -%}
            placed_units.{{ grain }}_start, placed_units.{{ dimension }}_place
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}

    ),

    pair_middles as (

        select
            pairs.*
            {%- for column in columns %},
            later.{{ column }}_above as {{ column }}_later_above,
            later.{{ column }}_middle as {{ column }}_later_middle,
            earlier.{{ column }}_above as {{ column }}_earlier_above,
            earlier.{{ column }}_middle as {{ column }}_earlier_middle,
            {{ nth(
                joined_descending("later." ~ column ~ "_middle", "earlier." ~ column ~ "_middle"),
                "cast(floor(pairs." ~ column ~ "_pair_n / 2) as bigint) + 1 - later." ~ column ~ "_above - earlier."
                ~ column ~ "_above",
            ) }} as {{ column }}_bound
            {%- endfor %}
        from pairs
        -- Every pair has its middles; joined outwardly, lest all later ones be joined with all earlier ones first.
        left join middles as later
            on
                {%- for key in keys %}
                {{ "and " if not loop.first }}pairs.{{ key }} = later.{{ key }}
                {%- endfor %}
        left join middles as earlier
            on
                {%- for key in keys %}
                {{ "and " if not loop.first }}pairs.{{ "earlier_start" if key == "period_start" else key }} = earlier.{{ key }}
                {%- endfor %}

    ),

    sides as (

        select
            *
            {%- for column in columns %}
            {%- for side in ["later", "earlier"] %},
            {{ column }}_{{ side }}_above + {{ count_above(
                column ~ "_" ~ side ~ "_middle", "coalesce(" ~ column ~ "_bound, cast('-Infinity' as double))"
            ) }}
                as {{ column }}_{{ side }}_greater
            {%- endfor %}
            {%- endfor %}
        from pair_middles

    ),

    chi_squares as (

        select
            {{ keys | join(", ") }}
            {%- for column in columns %},
            case
                when {{ column }}_is_tested then
                    {{ median_chi_square(
                        column ~ "_later_greater", column ~ "_n", column ~ "_earlier_greater", column ~ "_earlier_n",
                    ) }}
            end as {{ column }}_chi_square
            {%- endfor %}
        from sides

    ),

    median_tests as (

        select
            {{ keys | join(", ") }},
            'current' as slot
            {%- for column in columns %},
            {{ chi_square_1_p(column ~ "_chi_square") }} as {{ column }}_p_value
            {%- endfor %}
        from chi_squares

    )
{% endmacro %}

{#
  Chi-square of the two by two table of Mood's test (later and earlier values, above the common median or not), each
  deviation half a count smaller (Yates), as scipy.stats.median_test; 0 where no value lies above, or all do.
#}
{% macro median_chi_square(later_above, later_n, earlier_above, earlier_n) -%}
    {%- set above = "(" ~ later_above ~ " + " ~ earlier_above ~ ")" -%}
    {%- set all = "(" ~ later_n ~ " + " ~ earlier_n ~ ")" -%}
    coalesce(
        power(
            greatest(
                abs(
                    cast({{ later_above }} as double) * ({{ earlier_n }} - {{ earlier_above }})
                    - cast({{ later_n }} - {{ later_above }} as double) * {{ earlier_above }}
                ) / {{ all }} - 0.5,
                0
            ), 2
        )
        * power(cast({{ all }} as double), 3)
        / nullif(
            cast({{ above }} as double) * ({{ all }} - {{ above }}) * {{ later_n }} * {{ earlier_n }},
            0
        ),
        0.0
    )
{%- endmacro %}
