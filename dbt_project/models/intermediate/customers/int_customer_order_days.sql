-- One row per customer_key and day with an order or renewal that was not fully refunded: the n-th order day of
-- the customer, for repeat and returning customers.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with order_days as (

    select distinct
        customer_key,
        occurred_date as order_date
    from {{ ref('int_transactions_enriched') }}
    where
        kind in ('order', 'renewal')
        and customer_key is not null
        and not is_fully_refunded
        and {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

final as (

    select
        customer_key,
        order_date,
        row_number() over (partition by customer_key order by order_date) as order_day_number,
        lag(order_date) over (partition by customer_key order by order_date) as previous_order_date,
        lead(order_date) over (partition by customer_key order by order_date) as next_order_date
    from order_days

)

select * from final
