-- Grain: one moment of a ticket that a KPI is told by (opening, reply, a bot's first, solve, reopening, the ticket's last), with
-- the dimension values then in force.
-- Team, priority, category and agent are the events'; where no event says, the version of the ticket's row then in
-- force. A reply belongs to who replied, a solve to who solved; what no agent is named for, to the assignee.

with spine as (

    select * from {{ ref('int_ticket_spine') }}
    where
        event_kind in ('opened', 'row_response', 'row_solve')
        or is_touch
        or is_done_now
        or is_reopen
        or is_first_solve
        or is_last_solve
        or is_first_bot_reply
        or is_last

),

tickets as (

    select * from {{ ref('int_tickets') }}

),

history as (

    select * from {{ ref('int_ticket_history') }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

final as (

    select
        spine.source,
        spine.ticket_id,
        spine.event_number,
        spine.event_kind,
        spine.happened_at,
        {{ local_date('spine.happened_at') }} as happened_date,
        spine.is_date_only,
        spine.open_micros,
        spine.turn_number,
        spine.is_touch,
        spine.is_first_touch,
        spine.status,
        spine.is_done_now,
        spine.is_reopen,
        spine.is_first_solve,
        spine.is_last_solve,
        spine.is_last,
        {{- values_in_force(
            'spine', 'history', 'customers', actor="case when spine.is_touch or spine.author = 'agent' then spine.agent_key end"
        ) }}
        tickets.customer_key
    from spine
    inner join tickets
        on
            spine.source = tickets.source
            and spine.ticket_id = tickets.ticket_id
    inner join history
        on
            spine.source = history.source
            and spine.ticket_id = history.ticket_id
            and spine.ticket_version = history.ticket_version
    left join customers
        on {{ in_force('customers', 'tickets.customer_key', 'spine.happened_at') }}

)

select * from final
