-- One row per paid order or renewal that names the interval it pays for: its monthly recurring revenue (MRR,
-- amount / service months), in force while service_from_date <= day < service_to_date.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with transactions as (

    select
        customer_key,
        source,
        transaction_id,
        reporting_amount,
        {{ local_date('service_start') }} as service_from_date,
        {{ service_end_date('service_end') }} as service_to_date
    from {{ ref('int_transactions_enriched') }}
    where
        customer_key is not null
        and kind in ('order', 'renewal')
        and amount > 0
        and {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

final as (

    select
        customer_key,
        source,
        transaction_id,
        service_from_date,
        service_to_date,
        cast(
            reporting_amount / {{ service_months('service_from_date', 'service_to_date') }} as decimal(38, 6)
        ) as mrr_amount
    from transactions
    where service_from_date < service_to_date

)

select * from final
