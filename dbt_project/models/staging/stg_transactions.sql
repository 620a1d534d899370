-- One row per passed version of a transaction: the contract's columns, instants in UTC.
with passed as (

    {{ passed_rows('transactions') }}

),

final as (

    select
        passed.source,
        passed.batch_sequence,
        passed.position,
        passed.transaction_id,
        passed.parent_transaction_id,
        passed.customer_key,
        passed.kind,
        passed.amount,
        passed.margin,
        passed.currency,
        passed.product,
        passed.channel,
        {{ utc_instant('passed.occurred_at') }} as occurred_at,
        {{ utc_instant('passed.service_start') }} as service_start,
        {{ utc_instant('passed.service_end') }} as service_end,
        {{ utc_instant('passed.updated_at') }} as updated_at,
        coalesce(passed.is_deleted, false) as is_deleted,
        coalesce(passed.is_test, false) as is_test,
        passed.brand,
        passed.attributes,
        {{ is_listed('occurred_at', 'passed.date_only') }} as occurred_at_is_date_only,
        {{ is_listed('service_start', 'passed.date_only') }} as service_start_is_date_only,
        {{ is_listed('service_end', 'passed.date_only') }} as service_end_is_date_only,
        {{ is_listed('updated_at', 'passed.date_only') }} as updated_at_is_date_only,
        passed.is_withdrawn
    from passed

)

select * from final
