-- One row per version of a customer that arrives tonight (of a batch that is new, or stands otherwise than
-- before): the contract's columns, instants in UTC.
with arriving as (

    {{ arriving_rows('customers') }}

),

final as (

    select
        arriving.source,
        arriving.batch_sequence,
        arriving.position,
        arriving.customer_key,
        arriving.account_key,
        arriving.relationship,
        {{ utc_instant('arriving.signed_up_at') }} as signed_up_at,
        {{ utc_instant('arriving.ended_at') }} as ended_at,
        arriving.segment,
        arriving.country,
        arriving.language,
        arriving.acquisition_channel,
        arriving.acquisition_cost,
        arriving.currency,
        {{ utc_instant('arriving.updated_at') }} as updated_at,
        coalesce(arriving.is_deleted, false) as is_deleted,
        coalesce(arriving.is_test, false) as is_test,
        arriving.brand,
        arriving.attributes,
        {{ is_listed('signed_up_at', 'arriving.date_only') }} as signed_up_at_is_date_only,
        {{ is_listed('ended_at', 'arriving.date_only') }} as ended_at_is_date_only,
        {{ is_listed('updated_at', 'arriving.date_only') }} as updated_at_is_date_only,
        arriving.is_withdrawn,
        arriving.is_readable
    from arriving

)

select * from final
