-- Grain: one transaction tonight's build works out anew: it arrives, a refund of it arrives (or was one of it before it
-- changed), or it is of a customer whose record arrives. None where nothing is kept: then all are worked out.
{%- set is_kept = not execute or is_kept(kept('int_transactions_enriched')) %}

with arriving as (

    select * from {{ ref('stg_transactions') }}

),

versions as (

    select * from {{ ref('int_transactions_versions') }}

),

customers as (

    select * from {{ ref('stg_customers') }}

),

touched as (

    select
        source,
        transaction_id
    from arriving

    union

    select
        source,
        parent_transaction_id as transaction_id
    from arriving

    union

    select
        source,
        parent_transaction_id as transaction_id
    from versions
    where key_hash in (select {{ row_hash(['source', 'transaction_id']) }} from arriving)

    union

    select
        source,
        transaction_id
    from versions
    where customer_key in (select customer_key from customers)

),

final as (

    select
        source,
        transaction_id
    from touched
    where
        transaction_id is not null
        {%- if not is_kept %}
        and false
        {%- endif %}

)

select * from final
