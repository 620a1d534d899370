-- One row per passed version of an answer, with its one disposition.
{{ config(
    pre_hook="{{ let_statements_fill_memory() }}",
    materialized='incremental',
    incremental_strategy='overwrite',
    unique_key='key_hash',
    overwrites={'stg_changed_batches': {'source': 'source', 'entity': "'feedback'", 'batch_sequence': 'batch_sequence'}},
) }}

with final as (

    {{ with_disposition(versions_to_judge('feedback', 'response_id'), 'response_id') }}

)

select * from final
