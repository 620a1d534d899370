-- One row per passed version of a customer: the contract's columns, instants in UTC.
with passed as (

    {{ passed_rows('customers') }}

),

final as (

    select
        passed.source,
        passed.batch_sequence,
        passed.position,
        passed.customer_key,
        passed.account_key,
        passed.relationship,
        {{ utc_instant('passed.signed_up_at') }} as signed_up_at,
        {{ utc_instant('passed.ended_at') }} as ended_at,
        passed.segment,
        passed.country,
        passed.language,
        passed.acquisition_channel,
        passed.acquisition_cost,
        passed.currency,
        {{ utc_instant('passed.updated_at') }} as updated_at,
        coalesce(passed.is_deleted, false) as is_deleted,
        coalesce(passed.is_test, false) as is_test,
        passed.brand,
        passed.attributes,
        {{ is_listed('signed_up_at', 'passed.date_only') }} as signed_up_at_is_date_only,
        {{ is_listed('ended_at', 'passed.date_only') }} as ended_at_is_date_only,
        {{ is_listed('updated_at', 'passed.date_only') }} as updated_at_is_date_only,
        passed.is_withdrawn
    from passed

)

select * from final
