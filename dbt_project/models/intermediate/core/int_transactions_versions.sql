-- One row per passed version of a transaction, with its one disposition.
{{ config(
    materialized='incremental',
    incremental_strategy='overwrite',
    unique_key='key_hash',
    overwrites={'stg_changed_batches': {'source': 'source', 'entity': "'transactions'", 'batch_sequence': 'batch_sequence'}},
) }}

with final as (

    {{ with_disposition(versions_to_judge('transactions', 'transaction_id'), 'transaction_id') }}

)

select * from final
