-- One row per version of an event on a ticket that arrives tonight (of a batch that is new, or stands otherwise than
-- before): the contract's columns, instants in UTC.
with arriving as (

    {{ arriving_rows('ticket_events') }}

),

final as (

    select
        arriving.source,
        arriving.batch_sequence,
        arriving.position,
        arriving.event_id,
        arriving.ticket_id,
        {{ utc_instant('arriving.occurred_at') }} as occurred_at,
        arriving.event_type,
        arriving.actor_role,
        arriving.agent_key,
        coalesce(
            arriving.is_public,
            case when arriving.event_type in ('reply', 'call') then true when arriving.event_type = 'note' then false end
        ) as is_public,
        arriving.value,
        arriving.session_id,
        arriving.duration_seconds,
        arriving.wait_seconds,
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
