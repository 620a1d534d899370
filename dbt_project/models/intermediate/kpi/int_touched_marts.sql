-- Grain: one family × grain × period_start whose rows of the wide mart tonight's build makes anew: those whose KPIs are
-- touched, and those in which a test of them turned out otherwise.
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

touched as (

    select * from {{ ref('int_touched_periods') }}
    where family in ('{{ kpi_families() | join("', '") }}')

),

tested as (

    select digests.*
    from {{ ref('int_kpi_test_digests') }} as digests
    inner join built on digests.changed_for = built.build

),

final as (

    select
        family,
        grain,
        period_start
    from touched

    union

    select
        input as family,
        grain,
        period_start
    from tested

)

select * from final
