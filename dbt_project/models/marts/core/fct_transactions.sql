-- One row per published order, renewal, refund or cancellation.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_transactions': {'source': 'source', 'transaction_id': 'transaction_id'}},
    on_schema_change='fail',
) }}

with final as (

    select
        source,
        transaction_id,
        parent_transaction_id,
        customer_key,
        kind,
        occurred_at,
        occurred_date,
        channel,
        product,
        segment,
        country,
        language,
        acquisition_channel,
        brand,
        currency,
        amount,
        margin,
        has_fx_rate,
        reporting_amount,
        reporting_margin,
        refunded_amount,
        is_fully_refunded,
        service_start,
        service_end,
        attributes
    from {{ ref('int_transactions_enriched') }}
    where {{ is_touched(ref('int_touched_transactions'), {'source': 'source', 'transaction_id': 'transaction_id'}) }}

)

select *
from final
order by source, transaction_id
