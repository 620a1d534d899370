-- One row per customer_key and unbroken span of days on which the customer is live: the one place that says who
-- is a customer on a day (live_from_date <= day < live_to_date).
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with lives as (

    select * from {{ ref('int_customer_lives') }}
    where {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

orders as (

    select
        transactions.customer_key,
        lives.is_contractual,
        transactions.occurred_date as order_date,
        {{ local_date('transactions.service_start') }} as service_start_date,
        {{ service_end_date('transactions.service_end') }} as service_end_date
    from {{ ref('int_transactions_enriched') }} as transactions
    inner join lives on transactions.customer_key = lives.customer_key
    where
        transactions.kind in ('order', 'renewal')
        and transactions.amount > 0

),

paid_intervals as (

    select
        customer_key,
        service_start_date as live_from_date,
        service_end_date as live_to_date
    from orders
    where
        is_contractual
        and service_start_date < service_end_date

),

-- Where no payment says what it pays for, the contract itself is the evidence.
contracts as (

    select
        lives.customer_key,
        lives.signed_up_date as live_from_date,
        coalesce(lives.ended_date, date '9999-12-31') as live_to_date
    from lives
    left join (
        select distinct customer_key
        from paid_intervals
    ) as paying on lives.customer_key = paying.customer_key
    where
        lives.is_contractual
        and lives.signed_up_date is not null
        and paying.customer_key is null

),

purchases as (

    select distinct
        customer_key,
        order_date as live_from_date,
        {{ add_days('order_date', var('churn_after_days')) }} as live_to_date
    from orders
    where not is_contractual

),

spans as (

    select * from paid_intervals
    union all
    select * from contracts
    union all
    select * from purchases

),

reached as (

    select
        customer_key,
        live_from_date,
        live_to_date,
        max(live_to_date) over (
            partition by customer_key
            order by live_from_date, live_to_date
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from spans
    where live_from_date < live_to_date

),

-- Spans that overlap or touch are one.
numbered as (

    select
        customer_key,
        live_from_date,
        live_to_date,
        sum(case when reached_date is null or live_from_date > reached_date then 1 else 0 end) over (
            partition by customer_key
            order by live_from_date, live_to_date
            rows between unbounded preceding and current row
        ) as span_number
    from reached

),

final as (

    select
        customer_key,
        cast(span_number as integer) as span_number,
        min(live_from_date) as live_from_date,
        max(live_to_date) as live_to_date
    from numbered
    group by customer_key, span_number

)

select * from final
