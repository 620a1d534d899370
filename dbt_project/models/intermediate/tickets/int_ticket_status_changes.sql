-- Grain: one transition of a ticket's status; a status event that repeats the status in force is none.
-- A ticket is solved by its transitions to solved, or by those to closed where it never was solved.

with statuses as (

    select * from {{ ref('int_ticket_happenings') }}
    where
        event_kind = 'status'
        and event_value in ('new', 'open', 'pending', 'on_hold', 'solved', 'closed')

),

followed as (

    select
        *,
        event_value as status,
        coalesce(
            lag(event_value) over (partition by source, ticket_id order by {{ event_order() }}),
            'new'
        ) as previous_status
    from statuses

),

transitions as (

    select
        *,
        max(case when status = 'solved' then 1 else 0 end) over (partition by source, ticket_id) as is_ever_solved
    from followed
    where status <> previous_status

),

solves as (

    select
        *,
        status = case when is_ever_solved = 1 then 'solved' else 'closed' end as is_solve
    from transitions

),

numbered as (

    select
        *,
        row_number() over (
            partition by source, ticket_id, is_solve
            order by {{ event_order() }}
        ) as place,
        count(*) over (partition by source, ticket_id, is_solve) as places
    from solves

),

final as (

    select
        source,
        ticket_id,
        event_id,
        happened_at,
        status,
        previous_status,
        is_solve and place = 1 as is_first_solve,
        is_solve and place = places as is_last_solve,
        {{ is_done('status') }} and not {{ is_done('previous_status') }} as is_done_now,
        {{ is_done('previous_status') }} and not {{ is_done('status') }} as is_reopen
    from numbered

)

select * from final
