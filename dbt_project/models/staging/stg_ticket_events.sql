-- One row per passed version of an event on a ticket: the contract's columns, instants in UTC.
with passed as (

    {{ passed_rows('ticket_events') }}

),

final as (

    select
        passed.source,
        passed.batch_sequence,
        passed.position,
        passed.event_id,
        passed.ticket_id,
        {{ utc_instant('passed.occurred_at') }} as occurred_at,
        passed.event_type,
        passed.actor_role,
        passed.agent_key,
        coalesce(
            passed.is_public,
            case when passed.event_type in ('reply', 'call') then true when passed.event_type = 'note' then false end
        ) as is_public,
        passed.value,
        passed.session_id,
        passed.duration_seconds,
        passed.wait_seconds,
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
