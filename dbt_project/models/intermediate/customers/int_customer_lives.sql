-- One row per customer_key known from a customer record or a transaction: what decides how the customer's life
-- with the company is read, and what winning the customer cost.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with profiles as (

    select
        *,
        {{ local_date('signed_up_at') }} as signed_up_date,
        {{ service_end_date('ended_at') }} as ended_date
    from {{ ref('int_customer_profiles') }}
    where {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

transactions as (

    select * from {{ ref('int_transactions_enriched') }}
    where {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

fx_rates as (

    select * from {{ ref('int_fx_rates') }}

),

trading as (

    select
        customer_key,
        max(case when source in ({{ contractual_sources() }}) then 1 else 0 end) as contractual,
        min(occurred_date) as first_transaction_date,
        min(case when kind in ('order', 'renewal') then occurred_date end) as first_order_date
    from transactions
    where customer_key is not null
    group by customer_key

),

-- Who is known from transactions alone is what the setting of their source says.
known as (

    select
        coalesce(profiles.customer_key, trading.customer_key) as customer_key,
        case
            when profiles.customer_key is not null then coalesce(profiles.relationship = 'contractual', false)
            else trading.contractual = 1
        end as is_contractual,
        profiles.signed_up_date,
        profiles.ended_date,
        trading.first_transaction_date,
        trading.first_order_date,
        least(
            coalesce(profiles.signed_up_date, trading.first_transaction_date),
            coalesce(trading.first_transaction_date, profiles.signed_up_date)
        ) as known_from_date,
        profiles.acquisition_cost,
        profiles.acquisition_cost_currency
    from profiles
    full outer join trading on profiles.customer_key = trading.customer_key

),

final as (

    select
        known.customer_key,
        known.is_contractual,
        known.signed_up_date,
        known.ended_date,
        known.first_transaction_date,
        known.first_order_date,
        known.known_from_date,
        known.acquisition_cost * fx_rates.reporting_rate as acquisition_cost_amount
    from known
    left join fx_rates
        on
            known.acquisition_cost_currency = fx_rates.currency
            and coalesce(known.signed_up_date, known.known_from_date) >= fx_rates.valid_from
            and coalesce(known.signed_up_date, known.known_from_date) < fx_rates.valid_to

)

select * from final
