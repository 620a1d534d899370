-- One row: the last build that came to its end, and the moment its data spoke of; nulls where there was none.
{{ config(materialized='table') }}

with final as (

    select
        max(build) as build,
        max({{ utc_instant('as_of') }}) as as_of
    from {{ source('gate', 'built_batches') }}

)

select * from final
