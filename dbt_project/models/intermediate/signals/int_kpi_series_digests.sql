-- Grain: one watched series (kpi × grain × dimension × dimension_value; the kpi has one family): a digest of its points, and
-- the last build it changed for.
{%- set series = ['family', 'kpi', 'grain', 'dimension', 'dimension_value'] %}
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

points as (

    select * from {{ ref('int_kpi_points') }}
    where
        is_watched
        and grain in ('{{ watched_grains() | join("', '") }}')

),

series as (

    select
        {{ series | join(',\n        ') }},
        {{ rows_digest('points') }} as digest
    from points
    group by
        {{ series | join(',\n        ') }}

),

final as (

    {{ changed_digests('series', series) }}

)

select * from final
