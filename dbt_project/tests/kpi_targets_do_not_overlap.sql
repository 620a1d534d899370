-- Two targets in kpi_targets.csv of one KPI, group and grain that hold on the same day: it cannot say which is meant.
-- End the earlier one (valid_to, exclusive) where the later one begins.
with targets as (

    select
        kpi,
        coalesce(dimension, 'all') as dimension,
        case when coalesce(dimension, 'all') = 'all' then 'all' else coalesce(dimension_value, '') end as dimension_value,
        coalesce(grain, '') as grain,
        coalesce(valid_from, date '1900-01-01') as valid_from,
        valid_to,
        row_number() over (order by kpi, dimension, dimension_value, grain, valid_from, valid_to, target, direction) as line
    from {{ ref('kpi_targets') }}

)

select
    earlier.kpi,
    earlier.dimension,
    earlier.dimension_value,
    earlier.grain,
    later.valid_from as overlapped_from
from targets as earlier
inner join targets as later
    on
        earlier.kpi = later.kpi
        and earlier.dimension = later.dimension
        and earlier.dimension_value = later.dimension_value
        and earlier.grain = later.grain
        and (earlier.valid_from < later.valid_from or earlier.valid_from = later.valid_from and earlier.line < later.line)
        and (earlier.valid_to is null or earlier.valid_to > later.valid_from)
