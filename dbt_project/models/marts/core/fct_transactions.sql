-- One row per published order, renewal, refund or cancellation.
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

)

select *
from final
order by source, transaction_id
