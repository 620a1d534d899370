-- One row per customer_key: a person in several sources is one row.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
    on_schema_change='fail',
) }}

with final as (

    select
        customer_key,
        number_of_sources,
        account_key,
        relationship,
        signed_up_at,
        ended_at,
        segment,
        country,
        language,
        acquisition_channel,
        acquisition_cost,
        acquisition_cost_currency,
        brand,
        attributes,
        updated_at
    from {{ ref('int_customer_profiles') }}
    where {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

)

select *
from final
order by customer_key
