{#
  Measures of units by grain, period and dimension value, for measures that add up over days. The units are read once
  a dimension and folded into days; periods are sums of days. No unit is ever spelled out period by period.

  A select of `by` (further keys, columns of the units), grain, period_start, slot (current | elapsed), dimension,
  dimension_value; `n`, the number of units; each of `measures`, name -> units_where(…), count_of(…), total_of(…), least_of(…) or
  greatest_of(…); and each of `few`, name -> condition: whether the units that meet it have fewer than `min_n` distinct
  values of `respondent_key`.

  `units` names a relation or CTE, one row per thing counted, with `date_column` (its day in the reporting zone), a
  text column named as each of `dimensions`, and respondent_key; the dimension `all` is added. Values are as in
  `kept_values`, of the units or of those that are `ranked` in their place. `restricted` is a condition on the units that the dimensions in `unrestricted` are exempt from.

  Where a model keeps its periods (`kept_by_period`), only tonight's are made: what counts in none of them but in all
  time is folded into two days, one of all months that have ended and one of the open one. Where `months` names the
  units' kept `month_measures`, all time is the sum of these, and no unit is read for it.
#}
{% macro grouped_measures(
    units,
    date_column,
    dimensions,
    measures={},
    few={"is_few": "true"},
    by=[],
    restricted="true",
    unrestricted=[],
    months=none,
    ranked=none
) %}
    {%- set keys = by + ["grain", "period_start", "slot", "dimension", "dimension_value"] -%}
    {%- set is_all_time_apart = months is not none or is_of_tonight() != "true" -%}
    with period_days as (

        {{ tonights_period_days() }}

    ),

    ended_months as (

        {{ ended_months() }}

    ),

    folded_days as (

        select
            period_days.date_day as unit_day,
            {%- if is_all_time_apart and months is none %}
            coalesce(
                max(case when period_days.grain <> 'all' then period_days.date_day end),
                case
                    when period_days.date_day <= max(ended_months.last_day) then date '1900-01-01'
                    else date '9999-12-31'
                end
            ) as folded_day
            {%- else %}
            period_days.date_day as folded_day
            {%- endif %}
        from period_days
        cross join ended_months
        {{ "where period_days.grain <> 'all'" if months is not none }}
        group by period_days.date_day

    ),

    measured_days as (

        {%- if is_all_time_apart %}
        select * from period_days
        where grain <> 'all'

        union all

        select distinct
            {{ "folded_day" if months is none else "date '1900-01-01'" }} as date_day,
            'all' as grain,
            date '1900-01-01' as period_start,
            'current' as slot
        from folded_days
        {%- else %}
        select * from period_days
        {%- endif %}

    ),

    {%- set folded_units = units ~ " inner join folded_days on " ~ date_column ~ " = unit_day" -%}
    {#- Of all time nothing is read where its months are kept: a night's units are few, and read once. -#}
    {%- if months is not none and is_of_tonight() != "true" %}

    tonights_units as (

        select * from {{ folded_units }}

    ),
    {%- set folded_units = "tonights_units" -%}
    {%- endif %}

    daily_measures as (

        {{ folded_measures(
            folded_units, "folded_day", "date_day", dimensions, measures, few, by, restricted, unrestricted
        ) }}

        {%- if months is not none %}

        union all

        select
            dimension,
            unit_value,
            date '1900-01-01' as date_day,
            {%- for column in by + measures.keys() | list %}
            {{ column }},
            {%- endfor %}
            {%- for name in few %}
            {{ name }}_sketch,
            {{ name }}_units,
            {%- endfor %}
            n
        from {{ months }}
        {%- endif %}

    ),

    kept_values as (

        {% if months is not none -%} {{ kept_values_of_sums(months, "period_start") }}
        {%- elif ranked is not none or restricted != "true" -%} {{ kept_values(ranked or units, date_column, dimensions) }}
        {%- else -%} {{ kept_values_of_sums("daily_measures", "date_day") }}
        {%- endif %}

    ),

    period_measures as (

        select
            {%- for column in by %}
            daily_measures.{{ column }},
            {%- endfor %}
            period_days.grain,
            period_days.period_start,
            period_days.slot,
            daily_measures.dimension,
            {{ kept_value("daily_measures.dimension", "daily_measures.unit_value") }} as dimension_value,
            {%- for name, measure in measures.items() %}
            {{ measure.of_days.replace("?", "daily_measures." ~ name) }} as {{ name }},
            {%- endfor %}
            {%- for name in few %}
            bit_count(bit_or(daily_measures.{{ name }}_sketch)) as {{ name }}_sketch,
            sum(daily_measures.{{ name }}_units) as {{ name }}_units,
            {%- endfor %}
            cast(sum(daily_measures.n) as bigint) as n
        from daily_measures
        inner join measured_days as period_days
            on
                daily_measures.date_day = period_days.date_day
                and {{ has_grain("daily_measures.dimension", "period_days.grain") }}
        left join kept_values
            on
                daily_measures.dimension = kept_values.dimension
                and daily_measures.unit_value = kept_values.dimension_value
        group by {% for column in by %}daily_measures.{{ column }}, {% endfor -%}
            period_days.grain, period_days.period_start, period_days.slot, daily_measures.dimension,
            {{ kept_value("daily_measures.dimension", "daily_measures.unit_value") }}

    ),

    -- The sketch of a group says that it has at least so many respondents, its units that it has at most so many.
    -- Between the two they are counted.
    unclear_days as (

        select
            {%- for column in by %}
            period_measures.{{ column }},
            {%- endfor %}
            period_measures.grain,
            period_measures.period_start,
            period_measures.slot,
            period_measures.dimension,
            period_measures.dimension_value,
            period_days.date_day
        from period_measures
        inner join period_days
            on
                period_measures.grain = period_days.grain
                and period_measures.period_start = period_days.period_start
                and period_measures.slot = period_days.slot
        where
            {%- for name in few %}
            ({{ name }}_units >= {{ var("min_n") }} and coalesce({{ name }}_sketch, 0) < {{ var("min_n") }})
            {{- " or" if not loop.last }}
            {%- endfor %}

    ),

    counted_respondents as (

        {%- for dimension in ["all"] + dimensions %}
        select
            {%- for key in keys %}
            unclear_days.{{ key }},
            {%- endfor %}
            {%- for name, condition in few.items() %}
            count(distinct case when {{ condition }} then units.respondent_key end) as {{ name }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from {{ units }} as units
        {%- if dimension != "all" %}
        left join kept_values
            on kept_values.dimension = '{{ dimension }}' and units.{{ dimension }} = kept_values.dimension_value
        {%- endif %}
        inner join unclear_days
            on
                unclear_days.dimension = '{{ dimension }}'
                and units.{{ date_column }} = unclear_days.date_day
                {%- for column in by %}
                and units.{{ column }} = unclear_days.{{ column }}
                {%- endfor %}
                {%- if dimension != "all" %}
                and {{ kept_value("'" ~ dimension ~ "'", "units." ~ dimension) }} = unclear_days.dimension_value
                {%- endif %}
        where {{ "true" if dimension in unrestricted else restricted }}
        group by {% for key in keys %}unclear_days.{{ key }}{{ ", " if not loop.last }}{% endfor %}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}

    )

    select
        {%- for key in keys %}
        period_measures.{{ key }},
        {%- endfor %}
        {%- for name in measures %}
        period_measures.{{ name }},
        {%- endfor %}
        {%- for name in few %}
        case
            when period_measures.{{ name }}_sketch >= {{ var("min_n") }} then false
            when period_measures.{{ name }}_units < {{ var("min_n") }} then true
            else counted_respondents.{{ name }} < {{ var("min_n") }}
        end as {{ name }},
        {%- endfor %}
        period_measures.n
    from period_measures
    left join counted_respondents
        on
            {%- for key in keys %}
            {{ "and " if not loop.first }}period_measures.{{ key }} = counted_respondents.{{ key }}
            {%- endfor %}
{% endmacro %}

{#
  What the units of each month add up to, by the values they have themselves (`unit_value`), kept or not: what a model
  keeps by month, so that all time needs no unit. A select of dimension, unit_value, period_start, `by`, the measures,
  the sketches of `few` and n.
#}
{% macro month_measures(units, date_column, dimensions, measures={}, few={"is_few": "true"}, by=[]) %}
    with month_days as (

        select
            date_day,
            period_start
        from (
            {{ tonights_period_days() }}
        ) as period_days
        where
            grain = 'month'
            and slot = 'current'

    )

    {{ folded_measures(
        units ~ " inner join month_days on " ~ date_column ~ " = date_day",
        "period_start", "period_start", dimensions, measures, few, by
    ) }}
{% endmacro %}

{#
  Measures of units by dimension, their own value of it, `by` and `day` (an expression, called `day_name`): one pass over
  `units` a dimension.
#}
{% macro folded_measures(
    units, day, day_name, dimensions, measures, few, by=[], restricted="true", unrestricted=[]
) %}
    {%- for dimension in ["all"] + dimensions %}
        select
            '{{ dimension }}' as dimension,
            {{ "'all'" if dimension == "all" else dimension }} as unit_value,
            {{ day }} as {{ day_name }},
            {%- for column in by %}
            {{ column }},
            {%- endfor %}
            {%- for name, measure in measures.items() %}
            {{ measure.of_units }} as {{ name }},
            {%- endfor %}
            {%- for name, condition in few.items() %}
            {{ respondent_sketch("case when " ~ condition ~ " then respondent_key end") }} as {{ name }}_sketch,
            count(case when {{ condition }} then 1 end) as {{ name }}_units,
            {%- endfor %}
            count(*) as n
        from {{ units }}
        where {{ "true" if dimension in unrestricted else restricted }}
        group by {{ (by + [day]) | join(", ") }}{{ ", " ~ dimension if dimension != "all" }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
{% endmacro %}

{# How a measure is made of units, and of the measures of days (`?`). Sums of fractions as in `stable_sum`. #}
{% macro units_where(condition) %}
    {{- return({"of_units": "count(case when " ~ condition ~ " then 1 end)", "of_days": "cast(sum(?) as bigint)"}) -}}
{% endmacro %}

{% macro count_of(value) %}
    {{- return({"of_units": "cast(sum(" ~ value ~ ") as bigint)", "of_days": "cast(sum(?) as bigint)"}) -}}
{% endmacro %}

{% macro total_of(value) %}
    {{- return({"of_units": "sum(cast(" ~ value ~ " as decimal(38, 12)))", "of_days": "cast(sum(?) as double)"}) -}}
{% endmacro %}

{% macro least_of(value) %}{{ return({"of_units": "min(" ~ value ~ ")", "of_days": "min(?)"}) }}{% endmacro %}

{% macro greatest_of(value) %}{{ return({"of_units": "max(" ~ value ~ ")", "of_days": "max(?)"}) }}{% endmacro %}

{#
  An aggregate of 64 bits, in which each distinct key sets one: as many bits are set as there are keys at least.
  Sketches of parts are joined by `bit_or`.
#}
{% macro respondent_sketch(key) %}{{ adapter.dispatch("respondent_sketch")(key) }}{% endmacro %}

{% macro default__respondent_sketch(key) -%}
    bit_or(shiftleft(cast(1 as bigint), cast(pmod(xxhash64({{ key }}), 64) as int))) filter (where {{ key }} is not null)
{%- endmacro %}

{% macro duckdb__respondent_sketch(key) -%}
    bit_or(cast(1 as ubigint) << (hash({{ key }}) % 64)) filter ({{ key }} is not null)
{%- endmacro %}
