-- One row per version of a transaction that arrives tonight (of a batch that is new, or stands otherwise than
-- before): the contract's columns, instants in UTC.
with arriving as (

    {{ arriving_rows('transactions') }}

),

final as (

    select
        arriving.source,
        arriving.batch_sequence,
        arriving.position,
        arriving.transaction_id,
        arriving.parent_transaction_id,
        arriving.customer_key,
        arriving.kind,
        arriving.amount,
        arriving.margin,
        arriving.currency,
        arriving.product,
        arriving.channel,
        {{ utc_instant('arriving.occurred_at') }} as occurred_at,
        {{ utc_instant('arriving.service_start') }} as service_start,
        {{ utc_instant('arriving.service_end') }} as service_end,
        {{ utc_instant('arriving.updated_at') }} as updated_at,
        coalesce(arriving.is_deleted, false) as is_deleted,
        coalesce(arriving.is_test, false) as is_test,
        arriving.brand,
        arriving.attributes,
        {{ is_listed('occurred_at', 'arriving.date_only') }} as occurred_at_is_date_only,
        {{ is_listed('service_start', 'arriving.date_only') }} as service_start_is_date_only,
        {{ is_listed('service_end', 'arriving.date_only') }} as service_end_is_date_only,
        {{ is_listed('updated_at', 'arriving.date_only') }} as updated_at_is_date_only,
        arriving.is_withdrawn,
        arriving.is_readable
    from arriving

)

select * from final
