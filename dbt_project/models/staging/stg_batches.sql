-- One row per landed batch: its counts, its verdict, whether its rows are read, and whether they have been
-- withdrawn since.
{{ config(materialized='table') }}

with final as (

    {{ standing_batches(source('gate', 'batches')) }}

)

select * from final
