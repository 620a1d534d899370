-- One row per published interaction on the customer journey.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_touchpoints': {'source': 'source', 'touchpoint_id': 'touchpoint_id'}},
    on_schema_change='fail',
) }}

with final as (

    select
        source,
        touchpoint_id,
        session_id,
        customer_key,
        occurred_at,
        occurred_date,
        channel,
        touchpoint,
        journey_stage,
        outcome,
        duration_seconds,
        campaign,
        product,
        segment,
        country,
        language,
        acquisition_channel,
        brand,
        attributes
    from {{ ref('int_touchpoints_enriched') }}
    where {{ is_touched(ref('int_touched_touchpoints'), {'source': 'source', 'touchpoint_id': 'touchpoint_id'}) }}

)

select *
from final
order by source, touchpoint_id
