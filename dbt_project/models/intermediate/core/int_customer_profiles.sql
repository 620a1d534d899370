-- One row per customer_key: a person in several sources is one row. Of each attribute the value changed last
-- among those not null wins; contractual where any source says so, and then the dates of the contracts.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with customers as (

    select
        *,
        row_number() over (
            partition by customer_key
            order by coalesce(updated_at, {{ beginning_of_time() }}), batch_sequence, position
        ) as change_rank,
        max(case when relationship = 'contractual' then 1 else 0 end)
            over (partition by customer_key) = 1 as is_contractual
    from {{ ref('int_customers') }}
    where {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

relations as (

    select
        customer_key,
        max(case when is_contractual then 'contractual' else 'non_contractual' end) as relationship,
        min(signed_up_at) as signed_up_at,
        case when count(*) = count(ended_at) then max(ended_at) end as ended_at
    from customers
    where coalesce(relationship = 'contractual', false) = is_contractual
    group by customer_key

),

attributes as (

    select
        customer_key,
        count(*) as number_of_sources,
        {{ latest_known('account_key', 'change_rank') }} as account_key,
        {{ latest_known('segment', 'change_rank') }} as segment,
        {{ latest_known('country', 'change_rank') }} as country,
        {{ latest_known('language', 'change_rank') }} as language,
        {{ latest_known('acquisition_channel', 'change_rank') }} as acquisition_channel,
        {{ latest_known('acquisition_cost', 'change_rank') }} as acquisition_cost,
        {{ latest_known(
            'case when acquisition_cost is not null then currency end', 'change_rank'
        ) }} as acquisition_cost_currency,
        {{ latest_known('brand', 'change_rank') }} as brand,
        {{ latest_known('attributes', 'change_rank') }} as attributes,
        max(updated_at) as updated_at
    from customers
    group by customer_key

),

final as (

    select
        attributes.customer_key,
        attributes.number_of_sources,
        attributes.account_key,
        relations.relationship,
        relations.signed_up_at,
        relations.ended_at,
        attributes.segment,
        attributes.country,
        attributes.language,
        attributes.acquisition_channel,
        attributes.acquisition_cost,
        attributes.acquisition_cost_currency,
        attributes.brand,
        {{- attribute_columns('customers', 'attributes.attributes') }}
        attributes.attributes,
        attributes.updated_at
    from attributes
    inner join relations on attributes.customer_key = relations.customer_key

)

select * from final
