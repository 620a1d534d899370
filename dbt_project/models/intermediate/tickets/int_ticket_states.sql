-- Grain: one stretch of a published ticket's life in which its status, assignee, priority and schedule stay as they are,
-- up to as_of; with what the ticket's business clock reads at both ends.

with spine as (

    select
        *,
        lead(happened_at) over (partition by source, ticket_id order by event_number) as ended_at,
        lead(open_micros) over (partition by source, ticket_id order by event_number) as ended_micros,
        lead(event_number) over (partition by source, ticket_id order by event_number) as next_event_number
    from {{ ref('int_ticket_spine') }}
    where
        event_kind in ('opened', 'version', 'status', 'row_solve', 'assignment', 'priority', 'schedule')
        or is_last

),

final as (

    select
        source,
        ticket_id,
        event_number,
        next_event_number,
        status,
        assignee,
        priority,
        ticket_version,
        schedule_id,
        is_last,
        happened_at as started_at,
        coalesce(ended_at, next_happened_at) as ended_at,
        open_micros as started_micros,
        case when is_last then as_of_open_micros else ended_micros end as ended_micros
    from spine

)

select * from final
