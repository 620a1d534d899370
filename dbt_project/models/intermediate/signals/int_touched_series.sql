-- Grain: one watched series (kpi × grain × dimension × dimension_value) of which a point has come, gone or changed since
-- the last build that came to its end.
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

digests as (

    select * from {{ ref('int_kpi_series_digests') }}

),

final as (

    select
        digests.kpi,
        digests.grain,
        digests.dimension,
        digests.dimension_value
    from digests
    inner join built on digests.changed_for = built.build

)

select * from final
