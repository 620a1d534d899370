-- One row per passed version of a ticket: the contract's columns, instants in UTC.
with passed as (

    {{ passed_rows('tickets') }}

),

final as (

    select
        passed.source,
        passed.batch_sequence,
        passed.position,
        passed.ticket_id,
        passed.customer_key,
        passed.channel,
        passed.direction,
        passed.category,
        passed.product,
        passed.priority,
        passed.status,
        passed.team,
        passed.agent_key,
        passed.schedule_id,
        passed.subject,
        passed.language,
        passed.parent_ticket_id,
        passed.merged_into_ticket_id,
        {{ utc_instant('passed.created_at') }} as created_at,
        {{ utc_instant('passed.first_responded_at') }} as first_responded_at,
        {{ utc_instant('passed.resolved_at') }} as resolved_at,
        passed.reopen_count,
        passed.source_sla_met,
        {{ utc_instant('passed.updated_at') }} as updated_at,
        coalesce(passed.is_deleted, false) as is_deleted,
        coalesce(passed.is_test, false) as is_test,
        passed.brand,
        passed.attributes,
        {{ is_listed('created_at', 'passed.date_only') }} as created_at_is_date_only,
        {{ is_listed('first_responded_at', 'passed.date_only') }} as first_responded_at_is_date_only,
        {{ is_listed('resolved_at', 'passed.date_only') }} as resolved_at_is_date_only,
        {{ is_listed('updated_at', 'passed.date_only') }} as updated_at_is_date_only,
        passed.is_withdrawn
    from passed

)

select * from final
