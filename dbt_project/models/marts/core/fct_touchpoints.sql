-- One row per published interaction on the customer journey.
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

)

select *
from final
order by source, touchpoint_id
