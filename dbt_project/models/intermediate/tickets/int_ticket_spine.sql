-- Grain: one thing that happened on a published ticket up to as_of, in the ticket's one order (event_number).
-- Each row carries the status after it (until next_happened_at), the business hours then in force and what their clock
-- reads at it. Every history of a ticket is read from here, so that the order is settled once; what only few rows
-- change (team, assignee, …) is in int_ticket_values, found by values_number.
{%- set ticket_window = 'partition by ticket_number order by ' ~ event_order() %}
{%- set before = 'unbounded preceding and 1 preceding' %}

with happenings as (

    select
        *,
        case
            when
                event_kind in ('opened', 'row_solve')
                or (event_kind = 'status' and event_value in ('new', 'open', 'pending', 'on_hold', 'solved', 'closed'))
                then event_value
        end as status_set,
        case when event_kind = 'schedule' then coalesce(event_value, '') end as schedule_set
    from {{ ref('int_ticket_happenings') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

pieces as (

    select * from {{ ref('int_schedule_pieces') }}

),

ordered as (

    select
        *,
        row_number() over ({{ ticket_window }}) as event_number,
        lead(happened_at) over ({{ ticket_window }}) as following_at,
        {{ last_known('status_set', ticket_window, before) }} as status_before,
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
        count(
            case when event_kind in ('opened', 'version', {{ value_kinds() }}) then 1 end
        ) over ({{ ticket_window }} rows between unbounded preceding and current row) as values_number
    from happenings

),

final as (

    select
        ordered.ticket_number,
        ordered.event_number,
        ordered.event_kind,
        ordered.author,
        ordered.agent_key,
        ordered.event_value,
        ordered.happened_at,
        ordered.is_date_only,
        coalesce(ordered.following_at, as_of.as_of) as next_happened_at,
        ordered.following_at is null as is_last,
        ordered.session_id,
        ordered.wait_seconds,
        ordered.duration_seconds,
        ordered.ticket_version,
        ordered.values_number,
        coalesce(ordered.status_set, ordered.status_before) as status,
        ordered.schedule_id,
        {{ open_micros_at('pieces', 'ordered.happened_at') }} as schedule_micros,
        ordered.is_live,
        ordered.is_customer_contact,
        ordered.is_human_answer,
        -- a status event that repeats the status in force is no transition
        ordered.event_kind = 'status'
        and coalesce(ordered.status_set <> coalesce(ordered.status_before, 'new'), false) as is_transition,
        (ordered.event_kind = 'row_solve' and ordered.status_set is not null)
        or (
            ordered.event_kind = 'status'
            and coalesce({{ is_done('ordered.status_set') }} and not {{ is_done("coalesce(ordered.status_before, 'new')") }}, false)
        ) as is_done_now,
        ordered.event_kind = 'status'
        and coalesce({{ is_done('ordered.status_before') }} and not {{ is_done('ordered.status_set') }}, false) as is_reopen
    from ordered
    cross join as_of
    left join pieces
        on
            {{ piece_at('pieces', 'ordered.schedule_id', 'ordered.happened_at') }}

)

select * from final
