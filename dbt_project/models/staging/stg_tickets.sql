-- One row per version of a ticket that arrives tonight (of a batch that is new, or stands otherwise than
-- before): the contract's columns, instants in UTC.
with arriving as (

    {{ arriving_rows('tickets') }}

),

final as (

    select
        arriving.source,
        arriving.batch_sequence,
        arriving.position,
        arriving.ticket_id,
        arriving.customer_key,
        arriving.channel,
        arriving.direction,
        arriving.category,
        arriving.product,
        arriving.priority,
        arriving.status,
        arriving.team,
        arriving.agent_key,
        arriving.schedule_id,
        arriving.subject,
        arriving.language,
        arriving.parent_ticket_id,
        arriving.merged_into_ticket_id,
        {{ utc_instant('arriving.created_at') }} as created_at,
        {{ utc_instant('arriving.first_responded_at') }} as first_responded_at,
        {{ utc_instant('arriving.resolved_at') }} as resolved_at,
        arriving.reopen_count,
        arriving.source_sla_met,
        {{ utc_instant('arriving.updated_at') }} as updated_at,
        coalesce(arriving.is_deleted, false) as is_deleted,
        coalesce(arriving.is_test, false) as is_test,
        arriving.brand,
        arriving.attributes,
        {{ is_listed('created_at', 'arriving.date_only') }} as created_at_is_date_only,
        {{ is_listed('first_responded_at', 'arriving.date_only') }} as first_responded_at_is_date_only,
        {{ is_listed('resolved_at', 'arriving.date_only') }} as resolved_at_is_date_only,
        {{ is_listed('updated_at', 'arriving.date_only') }} as updated_at_is_date_only,
        arriving.is_withdrawn,
        arriving.is_readable
    from arriving

)

select * from final
