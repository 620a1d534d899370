-- One row per kind, kpi, grain, period_start, dimension and dimension_value that was found: what was seen, what it is
-- held against, how sure that is. Mirrors are not told.
with tests as (

    select * from {{ ref('int_kpi_tests') }}
    where q_value < 0.05

),

periods as (

    select * from {{ ref('int_periods') }}

),

points {{ as_read_anew() }} (

    select * from {{ ref('int_kpi_points') }}

),

anomalies as (

    select * from {{ ref('int_kpi_anomalies') }}

),

contrasts as (

    select * from {{ ref('int_kpi_contrasts') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

changes as (

    select
        'change' as kind,
        tests.kpi,
        tests.grain,
        tests.period_start,
        tests.dimension,
        tests.dimension_value,
        tests.period_start as found_in,
        points.value,
        previous_points.value as expected_value,
        points.ci_low,
        points.ci_high,
        points.n,
        tests.p_value,
        tests.q_value,
        cast(null as double) as deviation,
        points.measure - previous_points.measure as measured_difference,
        (points.unit_variance + previous_points.unit_variance) / 2 as unit_variance
    from tests
    inner join periods
        on
            tests.grain = periods.grain
            and tests.period_start = periods.period_start
    inner join points
        on
            tests.kpi = points.kpi
            and tests.grain = points.grain
            and tests.period_start = points.period_start
            and tests.dimension = points.dimension
            and tests.dimension_value = points.dimension_value
    inner join points as previous_points
        on
            tests.kpi = previous_points.kpi
            and tests.grain = previous_points.grain
            and periods.previous_period_start = previous_points.period_start
            and tests.dimension = previous_points.dimension
            and tests.dimension_value = previous_points.dimension_value

),

found as (

    select * from changes
    union all
    select
        kind,
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        found_in,
        value,
        expected_value,
        ci_low,
        ci_high,
        n,
        p_value,
        q_value,
        deviation,
        measured_difference,
        unit_variance
    from anomalies
    union all
    select
        kind,
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        found_in,
        value,
        expected_value,
        ci_low,
        ci_high,
        n,
        p_value,
        q_value,
        deviation,
        measured_difference,
        unit_variance
    from contrasts

),

told as (

    select found.*
    from found
    cross join as_of
    where
        found.found_in > case found.grain
            {%- for grain, days in told_days().items() %}
            when '{{ grain }}' then {{ add_days('as_of.as_of_date', -days) }}
            {%- endfor %}
        end

),

final as (

    select
        *,
        -- Cohen's d: the difference in standard deviations of one answer, ticket or customer. Where those are not
        -- known, the difference relative to the greater of the two values.
        coalesce(
            abs(measured_difference) / nullif(sqrt(unit_variance), 0),
            abs(value - expected_value) / nullif(greatest(abs(value), abs(expected_value), abs(value - expected_value)), 0),
            0.0
        ) as effect_size
    from told

)

select * from final
