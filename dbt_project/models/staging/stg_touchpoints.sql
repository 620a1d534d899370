-- One row per version of an interaction that arrives tonight (of a batch that is new, or stands otherwise than
-- before): the contract's columns, instants in UTC.
with arriving as (

    {{ arriving_rows('touchpoints') }}

),

final as (

    select
        arriving.source,
        arriving.batch_sequence,
        arriving.position,
        arriving.touchpoint_id,
        arriving.customer_key,
        arriving.session_id,
        {{ utc_instant('arriving.occurred_at') }} as occurred_at,
        arriving.channel,
        arriving.touchpoint,
        arriving.journey_stage,
        arriving.outcome,
        arriving.duration_seconds,
        arriving.campaign,
        arriving.product,
        {{ utc_instant('arriving.updated_at') }} as updated_at,
        coalesce(arriving.is_deleted, false) as is_deleted,
        coalesce(arriving.is_test, false) as is_test,
        arriving.brand,
        arriving.attributes,
        {{ is_listed('occurred_at', 'arriving.date_only') }} as occurred_at_is_date_only,
        {{ is_listed('updated_at', 'arriving.date_only') }} as updated_at_is_date_only,
        arriving.is_withdrawn,
        arriving.is_readable
    from arriving

)

select * from final
