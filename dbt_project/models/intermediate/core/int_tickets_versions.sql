-- One row per passed version of a ticket, with its one disposition.
{{ config(
    materialized='incremental',
    incremental_strategy='overwrite',
    unique_key='key_hash',
    overwrites={'stg_changed_batches': {'source': 'source', 'entity': "'tickets'", 'batch_sequence': 'batch_sequence'}},
) }}

with final as (

    {{ with_disposition(
        versions_to_judge('tickets', 'ticket_id'),
        'ticket_id',
        spam="status = 'spam'",
        merged="status = 'merged' or merged_into_ticket_id is not null",
    ) }}

)

select * from final
