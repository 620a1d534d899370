-- Grain: one customer whose life with the company tonight's build works out anew: the record arrives, or a transaction
-- that is worked out anew is the customer's, or was before it changed.
with transactions as (

    select
        source,
        transaction_id,
        customer_key
    from {{ ref('int_transactions_versions') }}
    where customer_key is not null

),

touched_transactions as (

    select * from {{ ref('int_touched_transactions') }}

),

final as (

    select customer_key
    from {{ ref('stg_customers') }}

    union

    select customer_key
    from {{ ref('stg_transactions') }}
    where customer_key is not null

    union

    select transactions.customer_key
    from transactions
    inner join touched_transactions
        on
            transactions.source = touched_transactions.source
            and transactions.transaction_id = touched_transactions.transaction_id

)

select * from final
