-- One row per published transaction: its latest version, where nothing excludes it.
{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('int_transactions_versions') }}

),

final as (

    select *
    from versions
    where disposition = 'published'

)

select * from final
