-- One row per customer_key and day with a transaction: revenue and margin of the day, and the margin so far, in
-- the reporting currency.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with transactions as (

    select
        customer_key,
        amount,
        reporting_amount,
        reporting_margin,
        occurred_date as transaction_date
    from {{ ref('int_transactions_enriched') }}
    where
        customer_key is not null
        and {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

days as (

    select
        customer_key,
        transaction_date,
        coalesce({{ exact_sum('reporting_amount') }}, 0) as revenue_amount,
        coalesce({{ exact_sum('reporting_margin') }}, 0) as margin_amount,
        coalesce({{ exact_sum('case when reporting_margin is not null then reporting_amount end') }}, 0)
            as margined_revenue_amount,
        count(reporting_margin) as margined_transactions,
        sum(case when reporting_margin is null and coalesce(amount, 0) <> 0 then 1 else 0 end)
            as unmargined_transactions
    from transactions
    group by customer_key, transaction_date

),

final as (

    select
        customer_key,
        transaction_date,
        revenue_amount,
        margin_amount,
        margined_revenue_amount,
        lead(transaction_date) over (partition by customer_key order by transaction_date)
            as next_transaction_date,
        {%- for measure in ['margin_amount', 'margined_transactions', 'unmargined_transactions'] %}
        sum({{ measure }}) over (
            partition by customer_key
            order by transaction_date
            rows between unbounded preceding and current row
        ) as {{ measure }}_to_date{{ ',' if not loop.last }}
        {%- endfor %}
    from days

)

select * from final
