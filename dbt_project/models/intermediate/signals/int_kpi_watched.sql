-- One row per watched point (kpi, grain, period_start, dimension, dimension_value) with a history that tells what is usual:
-- what that is and, where it is long enough to tell how far points are from it, how far this one is and the newest points
-- together are. A point is told by those before it alone, so that what was told of a period stays as it is when a new one
-- arrives. Kept by point: a night works out those from the first touched one of a series on, from what is kept of the others.
{#- What a median of k values adds to the variance of a distance from it, relative to theirs: pi / 2 / k. -#}
{%- set half_pi = 1.5707963267948966 %}
{#- The MAD of a normal variable, and how many of a hundred values it makes use of (Rousseeuw and Croux 1993). -#}
{%- set mad, mad_efficiency = 0.6744897501960817, 0.37 %}
{%- set series = ['kpi', 'grain', 'dimension', 'dimension_value'] %}
{%- set told_of_point = series + [
    'period_start', 'period_number', 'window_days', 'value', 'n', 'ci_low', 'ci_high', 'measure', 'unit_variance', 'is_log',
] %}
{%- set told_of_base = told_of_point + ['expected_measure', 'base_unit_variance', 'noise'] %}
{%- set told_of_spread = told_of_base + ['spread', 'deviation', 'cut_deviation', 'neighbour_product'] %}
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_points': {
        'kpi': 'kpi', 'grain': 'grain', 'period_start': 'period_start', 'dimension': 'dimension',
        'dimension_value': 'dimension_value',
    }},
    on_schema_change='fail',
    post_hook="delete from {{ this }} where {{ is_too_old_a_day(watched_days()) }}",
) }}
{#- Named where nothing is kept too, so that they come before. -#}
{%- set is_night, touched_series, touched_points = is_incremental(), ref('int_touched_series'), ref('int_touched_points') %}
with points as (

    select
        {%- for column in told_of_point %}
        points.{{ column }},
        {%- endfor %}
        {{ 'points.period_number - series.first_number' if is_night else '0' }} as place
    from {{ ref('int_kpi_points') }} as points
    {%- if is_night %}
    inner join {{ touched_series }} as series
        on
            {%- for key in series %}
            {{ 'and ' if not loop.first }}points.{{ key }} = series.{{ key }}
            {%- endfor %}
    {%- endif %}
    where points.is_watched

),

{%- if is_night %}

-- What was worked out before, of the periods before the first touched one: their `place` is below 0.
kept as (

    select
        {%- for column in told_of_spread %}
        watched.{{ column }},
        {%- endfor %}
        watched.period_number - series.first_number as place
    from {{ this }} as watched
    inner join {{ touched_series }} as series
        on
            {%- for key in series %}
            watched.{{ key }} = series.{{ key }}
            and
            {%- endfor %} watched.period_number < series.first_number

),
{%- endif %}

{%- for grain, how in watched_grains().items() %}

{{ grain }}_points as (

    select
        *,
        {% if grain == 'day' -%}
            mod(period_number, 7) as weekday,
            cast(floor(period_number / 7) as integer) as base_number
        {%- else -%}
            0 as weekday,
            period_number as base_number
        {%- endif %}
    from points
    where
        grain = '{{ grain }}'
        and place >= -{{ how.base * (7 if grain == 'day' else 1) }}

),

-- What is usual: the median of the periods before.
{{ grain }}_based as (

    select
        *,
        count(*) over base as base_n,
        {{ median_over('measure', 'base') }} as expected_measure,
        {{ median_over('unit_variance', 'base') }} as base_unit_variance,
        avg(unit_variance / n) over base as base_noise
    from {{ grain }}_points
    window base as {{ series_window(how.base ~ ' preceding and 1 preceding', 'base_number', 'weekday') }}

),

-- How far each is from it, and how far chance alone takes n units and a median. Its variance is the greater of its
-- own and the usual one: a period in which all say the same is not surer for that.
{{ grain }}_noises as (

    select
        *,
        coalesce(greatest(unit_variance, base_unit_variance) / n, 0.0)
        + {{ half_pi }} * coalesce(base_noise, 0.0) / base_n as noise
    from {{ grain }}_based
    where
        place >= 0
        and base_n >= {{ how.base_least }}

),

{{ grain }}_distances as (

    select
        {{ told_of_base | join(',\n        ') }},
        place,
        base_n,
        measure - expected_measure as distance
    from {{ grain }}_noises

    {%- if is_night %}

    union all

    select
        {{ told_of_base | join(',\n        ') }},
        place,
        null as base_n,
        measure - expected_measure as distance
    from kept
    where
        grain = '{{ grain }}'
        and place >= -{{ how.spread }}
    {%- endif %}

),

{{ grain }}_histories as (

    select
        *,
        count(*) over history as spread_n,
        {{ median_over('abs(distance)', 'history') }} as usual_distance,
        {{ median_over('noise', 'history') }} as usual_noise
    from {{ grain }}_distances
    window history as {{ series_window(how.spread ~ ' preceding and 1 preceding') }}

),

-- The spread is that noise and what the history varies beyond its own.
{{ grain }}_spreads as (

    select
        *,
        case
            when spread_n >= {{ how.spread_least }} then sqrt(
                noise
                + greatest(usual_distance * usual_distance / {{ mad * mad }} - usual_noise, 0.0)
            )
        end as spread
    from {{ grain }}_histories
    where place >= 0

),

{{ grain }}_deviations as (

    select
        {{ told_of_base | join(',\n        ') }},
        spread,
        distance / nullif(spread, 0) as deviation,
        -- One wild period makes no new level.
        case when spread <> 0 then greatest(least(distance / nullif(spread, 0), 3.0), -3.0) end as cut_deviation,
        cast(null as double) as kept_product,
        place,
        base_n,
        spread_n
    from {{ grain }}_spreads

    {%- if is_night %}

    union all

    select
        {{ told_of_spread | join(',\n        ') }},
        place,
        null as base_n,
        null as spread_n
    from kept
    where
        grain = '{{ grain }}'
        and place >= -{{ how.spread + how.run }}
    {%- endif %}

),

{{ grain }}_neighbours as (

    select
        *,
        case
            when place >= 0
                then cut_deviation * last_value(cut_deviation) over {{ series_window(how.spread ~ ' preceding and 1 preceding') }}
            else kept_product
        end as neighbour_product
    from {{ grain }}_deviations
    where spread is not null

),

{{ grain }}_runs as (

    select
        *,
        sum(cut_deviation) over run as run_sum,
        count(cut_deviation) over run as run_n,
        -- Of neighbours before the run. What makes runs likelier is heeded, what makes them rarer is not.
        least(greatest(coalesce(avg(neighbour_product) over before_run, 0.0), 0.0), 0.8) as autocorrelation
    from {{ grain }}_neighbours
    window
        run as {{ series_window((how.run - 1) ~ ' preceding and current row') }},
        before_run as {{ series_window((how.spread + how.run - 1) ~ ' preceding and ' ~ how.run ~ ' preceding') }}

),

{{ grain }}_watched as (

    select
        {{ told_of_spread | join(',\n        ') }},
        case
            when run_n >= {{ how.run_least }} then run_sum / sqrt(
                run_n
                {%- if grain != 'day' %}
                -- They share a median; each weekday has its own.
                * (1.0 + (run_n - 1) * {{ half_pi }} / (base_n + {{ half_pi }}))
                {%- endif %}
                * (1.0 + autocorrelation) / (1.0 - autocorrelation)
            )
        end as run_deviation,
        spread_n
    from {{ grain }}_runs
    where place >= 0

    union all

    select
        {{ told_of_base | join(',\n        ') }},
        spread,
        deviation,
        cut_deviation,
        null as neighbour_product,
        null as run_deviation,
        spread_n
    from {{ grain }}_deviations
    where
        place >= 0
        and spread is null

),
{%- endfor %}

watched as (

    {%- for grain in watched_grains() %}
    select * from {{ grain }}_watched
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

deviates as (

    select
        *,
        -- A spread made of a MAD is as sure as one made of so many squares.
        {{ t_as_normal('deviation', '(' ~ mad_efficiency ~ ' * spread_n)') }} as outlier_z,
        {{ t_as_normal('run_deviation', '(' ~ mad_efficiency ~ ' * spread_n)') }} as level_shift_z
    from watched

),

final as (

    select
        {{ told_of_spread | join(',\n        ') }},
        run_deviation,
        {{ normal_p('outlier_z') }} as outlier_p_value,
        {{ normal_p('level_shift_z') }} as level_shift_p_value
    from deviates

)

select * from final
