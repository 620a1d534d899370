-- One row per kpi, grain, period_start, dimension and dimension_value with the target in force on the period's first
-- day; a null dimension_value stands for every value of the dimension that has no row of its own.
with targets as (

    select * from {{ ref('kpi_targets') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

-- A period of all time has no first day to speak of: it is held to the target of today.
dated_periods as (

    select
        periods.grain,
        periods.period_start,
        case when periods.grain = 'all' then as_of.as_of_date else periods.period_start end as held_on
    from periods
    cross join as_of

),

in_force as (

    select
        targets.kpi,
        dated_periods.grain,
        dated_periods.period_start,
        coalesce(targets.dimension, 'all') as dimension,
        case when coalesce(targets.dimension, 'all') = 'all' then 'all' else targets.dimension_value end as dimension_value,
        targets.target,
        targets.direction,
        -- A row that names the grain comes before one for all grains.
        row_number() over (
            partition by
                targets.kpi,
                dated_periods.grain,
                dated_periods.period_start,
                coalesce(targets.dimension, 'all'),
                case when coalesce(targets.dimension, 'all') = 'all' then 'all' else targets.dimension_value end
            order by case when targets.grain is null then 1 else 0 end
        ) as place
    from targets
    inner join dated_periods
        on
            coalesce(targets.grain, dated_periods.grain) = dated_periods.grain
            and (targets.valid_from is null or targets.valid_from <= dated_periods.held_on)
            and (targets.valid_to is null or targets.valid_to > dated_periods.held_on)

),

final as (

    select
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        target,
        direction
    from in_force
    where place = 1

)

select * from final
