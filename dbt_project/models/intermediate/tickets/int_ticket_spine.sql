-- Grain: one thing that happened on a published ticket up to as_of, in the ticket's one order (event_number).
-- Each row carries the state of the ticket after it (until next_happened_at): every duration, every value in force
-- and every count of a ticket is read from here, so that the order is settled once.
{%- set ticket_window = 'partition by source, ticket_id order by ' ~ event_order() %}
{%- set before = 'unbounded preceding and 1 preceding' %}

with happenings as (

    select * from {{ ref('int_ticket_happenings') }}

),

live_messages as (

    select * from {{ ref('int_ticket_live_messages') }}

),

status_changes as (

    select * from {{ ref('int_ticket_status_changes') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

marked as (

    select
        happenings.*,
        live_messages.session_waiting_since,
        happenings.is_human_answer and not coalesce(live_messages.is_session_answered, false) as is_touch,
        -- what a customer says inside a session somebody already answers waits for nobody
        happenings.is_customer_contact
        and not happenings.is_human_answer
        and not coalesce(live_messages.is_session_answered, false) as is_unanswered_contact,
        status_changes.event_id is not null as is_transition,
        coalesce(status_changes.is_reopen, false) as is_reopen,
        coalesce(status_changes.is_done_now, happenings.event_kind = 'row_solve' and happenings.event_value is not null)
            as is_done_now,
        coalesce(status_changes.is_first_solve, happenings.event_kind = 'row_solve') as is_first_solve,
        coalesce(status_changes.is_last_solve, happenings.event_kind = 'row_solve') as is_last_solve,
        -- the states an event sets; '' is a state too: nobody, no team
        case
            when happenings.event_kind in ('opened', 'row_solve') then happenings.event_value
            else status_changes.status
        end as status_set,
        case when happenings.event_kind = 'assignment' then coalesce(happenings.agent_key, '') end as assignee_set,
        case when happenings.event_kind = 'team' then coalesce(happenings.event_value, '') end as team_set,
        case when happenings.event_kind = 'priority' then coalesce(happenings.event_value, '') end as priority_set,
        case when happenings.event_kind = 'category' then coalesce(happenings.event_value, '') end as category_set,
        case when happenings.event_kind = 'schedule' then coalesce(happenings.event_value, '') end as schedule_set
    from happenings
    left join live_messages
        on
            happenings.source = live_messages.source
            and happenings.event_id = live_messages.event_id
    left join status_changes
        on
            happenings.source = status_changes.source
            and happenings.event_id = status_changes.event_id

),

ordered as (

    select
        *,
        row_number() over ({{ ticket_window }}) as event_number,
        lead(happened_at) over ({{ ticket_window }}) as following_at,
        sum(case when is_touch then 1 else 0 end) over ({{ ticket_window }} rows between {{ before }}) as touches,
        sum(case when is_touch or is_done_now then 1 else 0 end) over (
            {{ ticket_window }} rows between {{ before }}
        ) as answers,
        max(case when event_kind = 'handover' then 1 else 0 end) over (
            {{ ticket_window }} rows between {{ before }}
        ) as handovers,
        {{ last_known("nullif(assignee_set, '')", ticket_window, before) }} as assignee_before,
        {{ last_known("nullif(team_set, '')", ticket_window, before) }} as team_before,
        {{ last_known('status_set', ticket_window) }} as status,
        {{ last_known('assignee_set', ticket_window) }} as assignee,
        {{ last_known('team_set', ticket_window) }} as team,
        {{ last_known('priority_set', ticket_window) }} as priority,
        {{ last_known('category_set', ticket_window) }} as category,
        {{ last_known('schedule_set', ticket_window) }} as schedule_id,
        {{ last_known('ticket_version', ticket_window) }} as version_in_force
    from marked

),

final as (

    select
        ordered.source,
        ordered.ticket_id,
        ordered.event_number,
        ordered.event_id,
        ordered.event_kind,
        ordered.author,
        ordered.agent_key,
        ordered.event_value,
        ordered.happened_at,
        ordered.is_date_only,
        coalesce(ordered.following_at, as_of.as_of) as next_happened_at,
        ordered.following_at is null as is_last,
        ordered.wait_seconds,
        ordered.duration_seconds,
        ordered.session_waiting_since,
        ordered.status,
        ordered.assignee,
        ordered.team,
        ordered.priority,
        ordered.category,
        ordered.schedule_id,
        ordered.version_in_force as ticket_version,
        ordered.is_customer_contact,
        ordered.is_unanswered_contact,
        ordered.is_touch,
        ordered.is_touch and coalesce(ordered.touches, 0) = 0 as is_first_touch,
        coalesce(ordered.touches, 0) as touches_before,
        coalesce(ordered.answers, 0) as turn_number,
        ordered.is_touch and coalesce(ordered.handovers, 0) = 1 as is_touch_after_handover,
        ordered.is_transition,
        ordered.is_done_now,
        ordered.is_reopen,
        ordered.is_first_solve,
        ordered.is_last_solve,
        coalesce(ordered.assignee_set <> ordered.assignee_before and ordered.assignee_set <> '', false) as is_handoff,
        coalesce(ordered.team_set <> ordered.team_before and ordered.team_set <> '', false) as is_transfer
    from ordered
    cross join as_of

)

select * from final
