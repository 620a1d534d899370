-- One row per published touchpoint: its latest version, where nothing excludes it.
{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('int_touchpoints_versions') }}

),

final as (

    select *
    from versions
    where disposition = 'published'

)

select * from final
