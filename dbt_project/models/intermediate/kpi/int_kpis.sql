-- One row per kpi, grain, period_start, dimension and dimension_value: every published measure of every KPI.
with changes as (

    select * from {{ ref('int_kpi_changes') }}

),

-- The tests of one grain and period_start are one family, those of dimension rows another, so that what was
-- published for a period stays as it is when a new one arrives. A mirror is no test of its own.
tested as (

    select
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        p_value,
        dimension = 'all' as is_overall
    from changes
    where
        p_value is not null
        and mirror_of is null

),

ranked as (

    select
        *,
        p_value
        * count(*) over (partition by grain, period_start, is_overall)
        / row_number() over (
            partition by grain, period_start, is_overall
            order by p_value, kpi, dimension, dimension_value
        ) as stepped_p
    from tested

),

-- Benjamini and Hochberg (1995): the smallest stepped p from here on.
adjusted as (

    select
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        p_value,
        min(stepped_p) over (
            partition by grain, period_start, is_overall
            order by p_value desc, kpi desc, dimension desc, dimension_value desc
            rows between unbounded preceding and current row
        ) as q_value
    from ranked

),

final as (

    select
        changes.family,
        changes.kpi,
        changes.grain,
        changes.period_start,
        changes.dimension,
        changes.dimension_value,
        changes.value,
        changes.numerator,
        changes.denominator,
        changes.n,
        changes.ci_low,
        changes.ci_high,
        changes.previous_value,
        changes.change,
        changes.yoy_change,
        case when changes.change is not null then adjusted.p_value end as p_value,
        case when changes.change is not null then adjusted.q_value end as q_value,
        case when changes.change is not null then adjusted.q_value < 0.05 end as is_significant,
        changes.is_complete,
        changes.is_small_sample,
        changes.is_suppressed,
        cast(null as double) as target,
        'none' as status
    from changes
    left join adjusted
        on
            coalesce(changes.mirror_of, changes.kpi) = adjusted.kpi
            and changes.grain = adjusted.grain
            and changes.period_start = adjusted.period_start
            and changes.dimension = adjusted.dimension
            and changes.dimension_value = adjusted.dimension_value

)

select * from final
