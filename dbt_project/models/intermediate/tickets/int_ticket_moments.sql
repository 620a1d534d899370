-- Grain: one moment of a ticket that a KPI is told by (opening, message, call, hand-over, solve, reopening, the ticket's last),
-- with who had answered whom by then and the dimension values in force.
-- A reply belongs to who replied, a solve to who solved; what no agent is named for, to the assignee.
-- A ticket is solved by its transitions to solved, or by those to closed where it never was solved.
{%- set ticket_window = 'partition by ticket_number order by event_number' %}
{%- set before = ticket_window ~ ' rows between unbounded preceding and 1 preceding' %}

with spine as (

    select * from {{ ref('int_ticket_spine') }}
    where
        event_kind in ('opened', 'row_response', 'row_solve', 'reply', 'call', 'handover')
        or (is_transition and {{ is_done('status') }})
        or is_reopen
        or is_last

),

live_messages as (

    select * from {{ ref('int_ticket_live_messages') }}

),

-- Which of a ticket's rows are the first and the last of their kind.
edges as (

    select
        ticket_number,
        min(case when event_kind = 'handover' then event_number end) as first_handover_number,
        min(case when event_kind = 'reply' and author = 'bot' then event_number end) as first_bot_reply_number,
        {%- for edge, which in [['first', 'min'], ['last', 'max']] %}
        coalesce(
            {{ which }}(case when is_transition and status = 'solved' then event_number end),
            {{ which }}(case when is_transition and status = 'closed' then event_number end),
            {{ which }}(case when event_kind = 'row_solve' then event_number end)
        ) as {{ edge }}_solve_number{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_ticket_spine') }}
    group by ticket_number

),

own_clocks as (

    select * from {{ ref('int_ticket_own_clocks') }}

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

ticket_values as (

    select * from {{ ref('int_ticket_values') }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

marked as (

    select
        spine.*,
        case when own_clocks.ticket_number is null then spine.schedule_micros else own_clocks.open_micros end as open_micros,
        live_messages.session_number,
        live_messages.session_waiting_since,
        spine.is_human_answer and not coalesce(live_messages.is_session_answered, false) as is_touch,
        -- what a customer says inside a session somebody already answers waits for nobody
        spine.is_customer_contact
        and not spine.is_human_answer
        and not coalesce(live_messages.is_session_answered, false) as is_unanswered_contact,
        edges.first_handover_number,
        edges.first_bot_reply_number,
        edges.first_solve_number,
        edges.last_solve_number
    from spine
    inner join edges on spine.ticket_number = edges.ticket_number
    left join live_messages
        on
            spine.ticket_number = live_messages.ticket_number
            and spine.event_number = live_messages.event_number
    left join own_clocks
        on
            spine.ticket_number = own_clocks.ticket_number
            and spine.event_number = own_clocks.event_number

),

counted as (

    select
        *,
        count(case when is_touch then 1 end) over ({{ before }}) as touches_before,
        count(case when is_touch or is_done_now then 1 end) over ({{ before }}) as turn_number
    from marked

),

final as (

    select
        numbers.source,
        counted.ticket_number,
        counted.event_number,
        counted.event_kind,
        counted.author,
        counted.agent_key,
        counted.happened_at,
        {{ local_date('counted.happened_at') }} as happened_date,
        counted.is_date_only,
        counted.open_micros,
        counted.session_id,
        counted.session_number,
        counted.session_waiting_since,
        counted.wait_seconds,
        counted.duration_seconds,
        counted.turn_number,
        counted.is_customer_contact,
        counted.is_unanswered_contact,
        counted.is_unanswered_contact and counted.touches_before > 0 as is_of_turn,
        counted.is_touch,
        counted.is_touch and counted.touches_before = 0 as is_first_touch,
        counted.is_touch and coalesce(counted.event_number > counted.first_handover_number, false) as is_touch_after_handover,
        coalesce(counted.event_number = counted.first_bot_reply_number, false) as is_first_bot_reply,
        counted.status,
        counted.is_done_now,
        counted.is_reopen,
        coalesce(counted.event_number = counted.first_solve_number, false) as is_first_solve,
        coalesce(counted.event_number = counted.last_solve_number, false) as is_last_solve,
        counted.is_last,
        {{- values_in_force(
            'ticket_values', 'customers',
            actor="case when counted.is_touch or counted.author = 'agent' then counted.agent_key end"
        ) }}
        ticket_values.assignee
    from counted
    inner join numbers on counted.ticket_number = numbers.ticket_number
    inner join ticket_values
        on
            counted.ticket_number = ticket_values.ticket_number
            and counted.values_number = ticket_values.values_number
    left join customers
        on {{ in_force('customers', 'numbers.customer_key', 'counted.happened_at') }}

)

select * from final
