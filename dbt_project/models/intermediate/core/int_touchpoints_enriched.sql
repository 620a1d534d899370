-- One row per published interaction, with the customer's attributes in force when it happened.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_touchpoints': {'source': 'source', 'touchpoint_id': 'touchpoint_id'}},
) }}

with touchpoints as (

    select
        *,
        {{ local_date('occurred_at') }} as occurred_date
    from {{ ref('int_touchpoints') }}
    where {{ is_touched(ref('int_touched_touchpoints'), {'source': 'source', 'touchpoint_id': 'touchpoint_id'}) }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

final as (

    select
        touchpoints.source,
        touchpoints.touchpoint_id,
        touchpoints.session_id,
        touchpoints.customer_key,
        coalesce(
            touchpoints.customer_key,
            concat(touchpoints.source, ':', coalesce(touchpoints.session_id, touchpoints.touchpoint_id))
        ) as respondent_key,
        touchpoints.occurred_at,
        touchpoints.occurred_at_is_date_only,
        touchpoints.occurred_date,
        touchpoints.occurred_date as event_date,
        touchpoints.outcome,
        touchpoints.duration_seconds,
        touchpoints.channel,
        touchpoints.touchpoint,
        touchpoints.journey_stage,
        touchpoints.campaign,
        touchpoints.product,
        coalesce(touchpoints.brand, customers.brand) as brand,
        customers.segment,
        customers.country,
        customers.language,
        customers.acquisition_channel,
        {{- attribute_columns('touchpoints', 'touchpoints.attributes') }}
        touchpoints.attributes
    from touchpoints
    left join customers on {{ in_force('customers', 'touchpoints.customer_key', 'touchpoints.occurred_at') }}

)

select * from final
