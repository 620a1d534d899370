-- One row per passed version of an interaction: the contract's columns, instants in UTC.
with passed as (

    {{ passed_rows('touchpoints') }}

),

final as (

    select
        passed.source,
        passed.batch_sequence,
        passed.position,
        passed.touchpoint_id,
        passed.customer_key,
        passed.session_id,
        {{ utc_instant('passed.occurred_at') }} as occurred_at,
        passed.channel,
        passed.touchpoint,
        passed.journey_stage,
        passed.outcome,
        passed.duration_seconds,
        passed.campaign,
        passed.product,
        {{ utc_instant('passed.updated_at') }} as updated_at,
        coalesce(passed.is_deleted, false) as is_deleted,
        coalesce(passed.is_test, false) as is_test,
        passed.brand,
        passed.attributes,
        {{ is_listed('occurred_at', 'passed.date_only') }} as occurred_at_is_date_only,
        {{ is_listed('updated_at', 'passed.date_only') }} as updated_at_is_date_only,
        passed.is_withdrawn
    from passed

)

select * from final
