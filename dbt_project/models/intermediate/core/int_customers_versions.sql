-- One row per passed version of a customer, with its one disposition.
{{ config(
    materialized='incremental',
    incremental_strategy='overwrite',
    unique_key='key_hash',
    overwrites={'stg_changed_batches': {'source': 'source', 'entity': "'customers'", 'batch_sequence': 'batch_sequence'}},
) }}

with final as (

    {{ with_disposition(versions_to_judge('customers', 'customer_key'), 'customer_key') }}

)

select * from final
