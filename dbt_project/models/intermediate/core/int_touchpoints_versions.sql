-- One row per passed version of a touchpoint, with its one disposition.
{{ config(
    materialized='incremental',
    incremental_strategy='overwrite',
    unique_key='key_hash',
    overwrites={'stg_changed_batches': {'source': 'source', 'entity': "'touchpoints'", 'batch_sequence': 'batch_sequence'}},
) }}

with final as (

    {{ with_disposition(versions_to_judge('touchpoints', 'touchpoint_id'), 'touchpoint_id') }}

)

select * from final
