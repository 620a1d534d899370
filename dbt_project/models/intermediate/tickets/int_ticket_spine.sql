-- Grain: one thing that happened on a published ticket up to as_of, in the ticket's one order (event_number).
-- Each row carries the state of the ticket after it (until next_happened_at) and what the ticket's business clock reads
-- at it: every duration, every value in force and every count of a ticket is read from here, so that the order is
-- settled once.
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

schedules as (

    select * from {{ ref('int_schedules') }}

),

pieces as (

    select * from {{ ref('int_schedule_pieces') }}

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
        max(case when event_kind = 'reply' and author = 'bot' then 1 else 0 end) over (
            {{ ticket_window }} rows between {{ before }}
        ) as bot_replies,
        {{ last_known("nullif(assignee_set, '')", ticket_window, before) }} as assignee_before,
        {{ last_known("nullif(team_set, '')", ticket_window, before) }} as team_before,
        {{ last_known('status_set', ticket_window) }} as status,
        {{ last_known('assignee_set', ticket_window) }} as assignee,
        {{ last_known('team_set', ticket_window) }} as team,
        {{ last_known('priority_set', ticket_window) }} as priority,
        {{ last_known('category_set', ticket_window) }} as category,
        coalesce(
            nullif(
                coalesce(
                    {{ last_known('schedule_set', ticket_window) }},
                    {{ last_known('row_schedule', ticket_window) }}
                ),
                ''
            ),
            '{{ var("default_schedule") }}'
        ) as schedule_id,
        {{ last_known('ticket_version', ticket_window) }} as version_in_force
    from marked

),

-- The clock of the schedule in force, at each row and at as_of.
clocked as (

    select
        ordered.*,
        coalesce(ordered.following_at, as_of.as_of) as next_happened_at,
        {{ open_micros_at('pieces', 'ordered.happened_at') }} as schedule_micros
    from ordered
    cross join as_of
    left join pieces
        on
            {{ piece_at('pieces', 'ordered.schedule_id', 'ordered.happened_at') }}

),

last_readings as (

    select
        pieces.schedule_id,
        {{ open_micros_at('pieces', 'as_of.as_of') }} as schedule_micros
    from as_of
    inner join pieces
        on {{ piece_at('pieces', 'pieces.schedule_id', 'as_of.as_of') }}

),

-- A ticket with one known schedule all along reads the schedule's clock. Any other (they are few) reads a clock of its
-- own: the open time of each stretch under the schedule then in force.
moved_tickets as (

    select
        happenings.source,
        happenings.ticket_id
    from happenings
    left join schedules
        on
            coalesce(nullif(happenings.row_schedule, ''), '{{ var("default_schedule") }}') = schedules.schedule_id
            and schedules.gap is null
    where happenings.event_kind in ('opened', 'version', 'schedule')
    group by
        happenings.source,
        happenings.ticket_id
    having
        max(case when happenings.event_kind = 'schedule' then 1 else 0 end) = 1
        or min(happenings.row_schedule) <> max(happenings.row_schedule)
        or max(case when schedules.schedule_id is null then 1 else 0 end) = 1

),

moved_stretches as (

    select
        clocked.source,
        clocked.ticket_id,
        clocked.event_number,
        case
            when clocked.next_happened_at = clocked.happened_at then 0
            else coalesce(
                {{ open_micros_at('pieces', 'clocked.next_happened_at') }} - clocked.schedule_micros,
                {{ unknown_open_micros() }}
            )
        end as open_micros
    from clocked
    inner join moved_tickets
        on
            clocked.source = moved_tickets.source
            and clocked.ticket_id = moved_tickets.ticket_id
    left join pieces
        on
            {{ piece_at('pieces', 'clocked.schedule_id', 'clocked.next_happened_at') }}

),

-- So many stretches of unknown hours as a bigint cannot add up leave the ticket without a clock.
moved_tellings as (

    select
        *,
        sum(case when open_micros = {{ unknown_open_micros() }} then 1 else 0 end) over (
            partition by source, ticket_id
        ) <= 900 as is_telling
    from moved_stretches

),

moved_readings as (

    select
        source,
        ticket_id,
        event_number,
        case when is_telling then sum(open_micros) over (
            partition by source, ticket_id order by event_number rows between unbounded preceding and current row
        ) - open_micros end as open_micros,
        case when is_telling then sum(open_micros) over (
            partition by source, ticket_id order by event_number rows between unbounded preceding and current row
        ) end as next_open_micros
    from moved_tellings

),

final as (

    select
        clocked.source,
        clocked.ticket_id,
        clocked.event_number,
        clocked.event_id,
        clocked.event_kind,
        clocked.author,
        clocked.agent_key,
        clocked.event_value,
        clocked.happened_at,
        clocked.is_date_only,
        clocked.next_happened_at,
        clocked.following_at is null as is_last,
        clocked.wait_seconds,
        clocked.duration_seconds,
        clocked.session_waiting_since,
        clocked.status,
        clocked.assignee,
        clocked.team,
        clocked.priority,
        clocked.category,
        clocked.schedule_id,
        clocked.version_in_force as ticket_version,
        cast(
            case when moved_readings.ticket_id is null then clocked.schedule_micros else moved_readings.open_micros end
            as bigint
        ) as open_micros,
        case
            when clocked.following_at is not null then null
            when moved_readings.ticket_id is null then last_readings.schedule_micros
            else cast(moved_readings.next_open_micros as bigint)
        end as as_of_open_micros,
        case when schedules.schedule_id is null then 'unknown_schedule' else schedules.gap end as business_time_gap,
        clocked.is_customer_contact,
        clocked.is_unanswered_contact,
        clocked.is_touch,
        clocked.is_touch and coalesce(clocked.touches, 0) = 0 as is_first_touch,
        coalesce(clocked.touches, 0) as touches_before,
        coalesce(clocked.answers, 0) as turn_number,
        clocked.is_touch and coalesce(clocked.handovers, 0) = 1 as is_touch_after_handover,
        clocked.event_kind = 'reply' and clocked.author = 'bot' and coalesce(clocked.bot_replies, 0) = 0
            as is_first_bot_reply,
        clocked.is_transition,
        clocked.is_done_now,
        clocked.is_reopen,
        clocked.is_first_solve,
        clocked.is_last_solve,
        coalesce(clocked.assignee_set <> clocked.assignee_before and clocked.assignee_set <> '', false) as is_handoff,
        coalesce(clocked.team_set <> clocked.team_before and clocked.team_set <> '', false) as is_transfer
    from clocked
    left join moved_readings
        on
            clocked.source = moved_readings.source
            and clocked.ticket_id = moved_readings.ticket_id
            and clocked.event_number = moved_readings.event_number
    left join last_readings on clocked.schedule_id = last_readings.schedule_id
    left join schedules on clocked.schedule_id = schedules.schedule_id

)

select * from final
