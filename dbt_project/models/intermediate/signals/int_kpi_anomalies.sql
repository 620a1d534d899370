-- One row per kind (outlier, level_shift), kpi, grain, period_start, dimension and dimension_value that left the usual:
-- a point against its own history, or the newest points together.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

watched as (

    select * from {{ ref('int_kpi_watched') }}

),

-- As far back as findings are told, and before that as long as one silences the next.
recent as (

    select watched.*
    from watched
    cross join as_of
    where
        watched.period_start > case watched.grain
            {%- for grain, how in watched_grains().items() %}
            when '{{ grain }}' then
                {{ add_days('as_of.as_of_date', -(told_days()[grain] + how.silence * {'day': 1, 'week': 7, 'month': 31}[grain])) }}
            {%- endfor %}
        end

),

p_values as (

    {%- for kind, statistic in {'outlier': 'deviation', 'level_shift': 'run_deviation'}.items() %}
    select
        '{{ kind }}' as kind,
        kpi,
        grain,
        period_start,
        period_number,
        dimension,
        dimension_value,
        window_days,
        {{ statistic }} as deviation,
        {{ kind }}_p_value as p_value,
        dimension = 'all' as is_overall
    from recent
    where {{ statistic }} is not null
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

tested as (

    select
        grain,
        period_start,
        is_overall,
        window_days,
        count(*) as tested_n
    from p_values
    group by
        grain,
        period_start,
        is_overall,
        window_days

),

-- Benjamini and Hochberg, as in int_kpi_tests, over both kinds. What becomes final later is told later, and is a
-- family of its own. A q is no smaller than its p, nor made of greater ones but those that make it small: the others
-- are only counted.
stepped as (

    select
        p_values.*,
        p_values.p_value
        * tested.tested_n
        / count(*) over (
            partition by p_values.grain, p_values.period_start, p_values.is_overall, p_values.window_days
            order by p_values.p_value
        ) as stepped_p
    from p_values
    inner join tested
        on
            p_values.grain = tested.grain
            and p_values.period_start = tested.period_start
            and p_values.is_overall = tested.is_overall
            and p_values.window_days = tested.window_days
    where p_values.p_value < {{ anomaly_rate() }}

),

corrected as (

    select
        *,
        min(stepped_p) over (
            partition by grain, period_start, is_overall, window_days
            order by p_value
            rows between current row and unbounded following
        ) as q_value
    from stepped

),

found as (

    select
        *,
        case when deviation > 0 then 1 else -1 end as direction
    from corrected
    where q_value < {{ anomaly_rate() }}

),

{%- for grain, how in watched_grains().items() %}

-- A level is new once.
{{ grain }}_told as (

    select *
    from (
        select
            *,
            count(*) over (
                partition by kind, kpi, dimension, dimension_value, direction
                order by period_number
                range between {{ how.silence }} preceding and 1 preceding
            ) as told_before
        from found
        where grain = '{{ grain }}'
    ) as {{ grain }}_found
    where
        kind = 'outlier'
        or told_before = 0

),

{{ grain }}_members as (

    select
        told.kind,
        told.kpi,
        told.grain,
        told.period_start as found_in,
        told.dimension,
        told.dimension_value,
        told.deviation as found_deviation,
        told.p_value,
        told.q_value,
        members.period_start,
        members.period_number,
        members.value,
        members.n,
        members.ci_low,
        members.ci_high,
        members.measure,
        members.expected_measure,
        members.unit_variance,
        members.base_unit_variance,
        members.spread,
        members.is_log,
        members.cut_deviation * told.direction as pull
    from {{ grain }}_told as told
    inner join watched as members
        on
            told.grain = members.grain
            and told.kpi = members.kpi
            and told.dimension = members.dimension
            and told.dimension_value = members.dimension_value
            and told.period_number >= members.period_number
            and told.period_number - case told.kind when 'level_shift' then {{ how.run }} else 1 end
            < members.period_number
            and members.spread is not null

),
{%- endfor %}

members as (

    {%- for grain in watched_grains() %}
    select * from {{ grain }}_members
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

-- A new level begins where the periods from there on, together, are farthest from the old one.
pulls as (

    select
        *,
        sum(pull) over since / sqrt(count(*) over since) as pull_since
    from members
    window since as (
        partition by kind, kpi, grain, found_in, dimension, dimension_value
        order by period_number desc
    )

),

begun as (

    select
        *,
        first_value(period_number) over (
            partition by kind, kpi, grain, found_in, dimension, dimension_value
            order by pull_since desc, period_number asc
        ) as first_number
    from pulls

),

levels as (

    select
        kind,
        kpi,
        grain,
        min(period_start) as period_start,
        dimension,
        dimension_value,
        found_in,
        max(p_value) as p_value,
        max(q_value) as q_value,
        max(found_deviation) as deviation,
        cast(sum(n) as bigint) as n,
        is_log,
        {{ stable_avg('measure') }} as measure,
        {{ stable_avg('expected_measure') }} as expected_measure,
        sqrt({{ stable_sum('spread * spread') }}) / count(*) as spread,
        max(coalesce(base_unit_variance, unit_variance)) as unit_variance,
        {{ stable_avg('case when is_log then ln(1 + value) else value end') }} as scaled_value,
        max(ci_low) as ci_low,
        max(ci_high) as ci_high
    from begun
    where period_number >= first_number
    group by kind, kpi, grain, dimension, dimension_value, found_in, is_log

),

-- A mean of durations is measured by its logarithms: what was expected of it is the value itself, moved by their
-- distance.
final as (

    select
        kind,
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        found_in,
        {{ from_point_scale('scaled_value', 'is_log') }} as value,
        {{ from_point_scale('scaled_value - measure + expected_measure', 'is_log') }} as expected_value,
        case
            when kind = 'outlier' then ci_low
            else {{ from_point_scale('scaled_value - 1.96 * spread', 'is_log') }}
        end as ci_low,
        case
            when kind = 'outlier' then ci_high
            else {{ from_point_scale('scaled_value + 1.96 * spread', 'is_log') }}
        end as ci_high,
        n,
        p_value,
        q_value,
        deviation,
        measure - expected_measure as measured_difference,
        unit_variance
    from levels

)

select * from final
