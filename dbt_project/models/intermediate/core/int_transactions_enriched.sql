-- One row per published transaction: its amounts in the reporting currency, what of it was refunded, and the
-- customer's attributes in force when it happened.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_transactions': {'source': 'source', 'transaction_id': 'transaction_id'}},
) }}

with transactions as (

    select
        *,
        {{ local_date('occurred_at') }} as occurred_date
    from {{ ref('int_transactions') }}
    where {{ is_touched(ref('int_touched_transactions'), {'source': 'source', 'transaction_id': 'transaction_id'}) }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

converted as (

    select
        transactions.*,
        rates.reporting_rate
    from transactions
    left join rates
        on
            transactions.currency = rates.currency
            and transactions.occurred_date >= rates.valid_from
            and transactions.occurred_date < rates.valid_to

),

-- Refunds in the currency of what they refund: an amount in another cannot be set against it unconverted.
refunds as (

    select
        source,
        parent_transaction_id as transaction_id,
        currency,
        round(sum(amount), 6) as refunded_amount
    from {{ ref('int_transactions') }}
    where
        kind in ('refund', 'cancellation')
        and parent_transaction_id is not null
        and {{ is_touched(
            ref('int_touched_transactions'), {'source': 'source', 'transaction_id': 'parent_transaction_id'}
        ) }}
    group by source, parent_transaction_id, currency

),

final as (

    select
        converted.source,
        converted.transaction_id,
        converted.parent_transaction_id,
        converted.customer_key,
        converted.customer_key as respondent_key,
        converted.kind,
        converted.currency,
        converted.amount,
        converted.margin,
        converted.reporting_rate is not null as has_fx_rate,
        converted.amount * converted.reporting_rate as reporting_amount,
        converted.margin * converted.reporting_rate as reporting_margin,
        refunds.refunded_amount,
        coalesce(
            converted.kind in ('order', 'renewal')
            and converted.amount > 0
            and converted.amount + refunds.refunded_amount < 0.005,
            false
        ) as is_fully_refunded,
        converted.occurred_at,
        converted.occurred_at_is_date_only,
        converted.occurred_date,
        converted.occurred_date as event_date,
        converted.service_start,
        converted.service_end,
        converted.channel,
        converted.product,
        coalesce(converted.brand, customers.brand) as brand,
        customers.segment,
        customers.country,
        customers.language,
        customers.acquisition_channel,
        {{- attribute_columns('transactions', 'converted.attributes') }}
        converted.attributes
    from converted
    left join refunds
        on
            converted.source = refunds.source
            and converted.transaction_id = refunds.transaction_id
            and converted.currency is not distinct from refunds.currency
    left join customers on {{ in_force('customers', 'converted.customer_key', 'converted.occurred_at') }}

)

select * from final
