-- One row per watched point (kpi, grain, period_start, dimension, dimension_value): what was usual before it, and how far
-- it and the newest points together are from that. A point is told by those before it alone, so that what was told of a
-- period stays as it is when a new one arrives. Kept by series: a night works out those whose points have changed.
{#- What a median of k values adds to the variance of a distance from it, relative to theirs: pi / 2 / k. -#}
{%- set half_pi = 1.5707963267948966 %}
{#- The MAD of a normal variable, and how many of a hundred values it makes use of (Rousseeuw and Croux 1993). -#}
{%- set mad, mad_efficiency = 0.6744897501960817, 0.37 %}
{%- set series = {
    'kpi': 'kpi', 'grain': 'grain', 'dimension': 'dimension', 'dimension_value': 'dimension_value',
} %}
{{ config(materialized='incremental', incremental_strategy='overwrite', overwrites={'int_touched_series': series}) }}
with

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
    from {{ ref('int_kpi_points') }}
    where
        grain = '{{ grain }}'
        and is_watched
        and {{ is_touched(ref('int_touched_series'), series) }}

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
{{ grain }}_distances as (

    select
        *,
        measure - expected_measure as distance,
        coalesce(greatest(unit_variance, base_unit_variance) / n, 0.0)
        + {{ half_pi }} * coalesce(base_noise, 0.0) / base_n as noise
    from {{ grain }}_based
    where base_n >= {{ how.base_least }}

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
        sqrt(
            noise
            + greatest(usual_distance * usual_distance / {{ mad * mad }} - usual_noise, 0.0)
        ) as spread
    from {{ grain }}_histories
    where spread_n >= {{ how.spread_least }}

),

{{ grain }}_deviations as (

    select
        *,
        distance / nullif(spread, 0) as deviation,
        -- One wild period makes no new level.
        greatest(least(distance / nullif(spread, 0), 3.0), -3.0) as cut_deviation
    from {{ grain }}_spreads

),

{{ grain }}_neighbours as (

    select
        *,
        cut_deviation * lag(cut_deviation) over (
            partition by kpi, dimension, dimension_value
            order by period_number
        ) as neighbour_product
    from {{ grain }}_deviations

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
        *,
        case
            when run_n >= {{ how.run_least }} then run_sum / sqrt(
                run_n
                {%- if grain != 'day' %}
                -- They share a median; each weekday has its own.
                * (1.0 + (run_n - 1) * {{ half_pi }} / (base_n + {{ half_pi }}))
                {%- endif %}
                * (1.0 + autocorrelation) / (1.0 - autocorrelation)
            )
        end as run_deviation
    from {{ grain }}_runs

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
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        period_number,
        window_days,
        value,
        n,
        ci_low,
        ci_high,
        measure,
        unit_variance,
        is_log,
        expected_measure,
        base_unit_variance,
        spread,
        deviation,
        cut_deviation,
        run_deviation,
        {{ normal_p('outlier_z') }} as outlier_p_value,
        {{ normal_p('level_shift_z') }} as level_shift_p_value
    from deviates

)

select * from final
