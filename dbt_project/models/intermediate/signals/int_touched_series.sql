-- Grain: one watched series (kpi × grain × dimension × dimension_value) of which a point has come, gone or changed since
-- the last build that came to its end. `first_number` is the first period of the series that may have: the first that its
-- family computes tonight. Of days it is none, since the oldest are dropped and all others may be held against them.
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

digests as (

    select * from {{ ref('int_kpi_series_digests') }}

),

first_periods as (

    select
        family,
        grain,
        min({{ period_number('grain', 'period_start') }}) as first_number
    from {{ ref('int_touched_periods') }}
    where grain in ('week', 'month')
    group by
        family,
        grain

),

final as (

    select
        digests.kpi,
        digests.grain,
        digests.dimension,
        digests.dimension_value,
        coalesce(first_periods.first_number, 0) as first_number
    from digests
    inner join built on digests.changed_for = built.build
    left join first_periods
        on
            digests.family = first_periods.family
            and digests.grain = first_periods.grain

)

select * from final
