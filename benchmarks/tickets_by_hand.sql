-- The support KPIs as one good engineer would write them straight on the landed Parquet, for DuckDB alone: what the
-- dbt models are measured against. It shares no code with them; the benchmark checks that the answers are the same.
-- `{landing}` and `{seeds}` are folders. Leaves the tables ticket_answers, reply_answers, sla_answers, backlog_answers
-- and kpi_answers. Of the rules it knows those this company's rows can meet: every schedule and zone is known. A period that
-- has not ended it compares with none.

create macro open_minutes(earlier_us, later_us) as
    case when later_us >= earlier_us then (later_us - earlier_us) / 60000000.0::double when later_us < earlier_us then 0 end;
create macro minutes(earlier, later) as open_minutes(epoch_us(earlier), epoch_us(later));
create macro is_waiting(status) as coalesce(status in ('new', 'open', 'on_hold'), false);
create macro is_done(status) as coalesce(status in ('solved', 'closed'), false);

-- Tickets: their latest rows, numbered, and the versions that were ever in force.

create temp table version as
select
    source, ticket_id, batch_sequence, position, customer_key, channel, coalesce(direction, 'inbound') = 'inbound' as is_inbound,
    category, product, priority, status, team, agent_key, coalesce(schedule_id, '') as schedule_id, brand, parent_ticket_id,
    utc(created_at) as created_at, utc(first_responded_at) as first_responded_at, utc(resolved_at) as resolved_at,
    reopen_count, utc(updated_at) as updated_at, coalesce(contains(date_only, 'created_at'), false) as is_inexact,
    merged_into_ticket_id is not null or status = 'merged' as is_merged, is_deleted or is_test or status = 'spam' as is_left_out
from read_parquet('{landing}/tickets/*/*/*.parquet', union_by_name = true);

create temp table latest as
select cast(row_number() over (order by source, ticket_id) as integer) as t, *
from (
    select * from version
    qualify row_number() over (
        partition by source, ticket_id order by updated_at desc nulls last, batch_sequence desc, position desc
    ) = 1
);

-- Events: the latest of each id, on tickets that count, repeats under new ids apart.

create temp table superseded as
with repeated as (
    select hash(source, event_id) as id_hash from read_parquet('{landing}/ticket_events/*/*/*.parquet', union_by_name = true)
    group by id_hash having count(*) > 1
)
select source, batch_sequence, position
from read_parquet('{landing}/ticket_events/*/*/*.parquet', union_by_name = true)
where hash(source, event_id) in (select id_hash from repeated)
qualify row_number() over (
    partition by source, event_id order by updated_at desc nulls last, batch_sequence desc, position desc
) > 1;

create temp table as_of as
with last_instants as (
    select greatest(max(created_at), max(first_responded_at), max(resolved_at)) as last_at from latest
    union all
    select utc(max(events.occurred_at))
    from read_parquet('{landing}/ticket_events/*/*/*.parquet', union_by_name = true) as events
    left join superseded using (source, batch_sequence, position)
    where superseded.source is null
)
select timezone('UTC', timezone('Asia/Seoul', cast(local_day(max(last_at)) + 1 as timestamp))) as moment,
    local_day(max(last_at)) as day
from last_instants;
-- What keeps its name is told by the months that have ended.
create macro is_of_ended_month(of_day) as of_day < month_of((select day + 1 from as_of));
create macro ended_or_open(ended, units) as if(ended > 0, {ended: ended, open: 0}, {ended: 0, open: units});

create temp table ticket as
select * from latest where not is_merged and not is_left_out and created_at <= (select moment from as_of);

create temp table event as
select
    ticket.t, events.event_id, utc(events.occurred_at) as occurred_at, events.event_type, events.actor_role, events.agent_key,
    coalesce(events.is_public, events.event_type in ('reply', 'call')) as is_public, events.value, events.session_id,
    events.wait_seconds, events.date_only is not null as is_inexact
from read_parquet('{landing}/ticket_events/*/*/*.parquet', union_by_name = true) as events
inner join ticket on events.source = ticket.source and events.ticket_id = ticket.ticket_id
left join superseded
    on events.source = superseded.source and events.batch_sequence = superseded.batch_sequence
    and events.position = superseded.position
where superseded.position is null and not events.is_deleted and not events.is_test
    and utc(events.occurred_at) <= (select moment from as_of);

create temp table repeat as
with suspects as (
    select hash(t, occurred_at, event_type, actor_role, agent_key, is_public, value, session_id) as content from event
    group by content having count(*) > 1
)
select t, event_id
from event
where hash(t, occurred_at, event_type, actor_role, agent_key, is_public, value, session_id) in (select content from suspects)
    and not is_inexact
qualify row_number() over (
    partition by t, occurred_at, event_type, actor_role, agent_key, is_public, value, session_id
    order by length(event_id), event_id
) > 1;

create temp table history as
select
    ticket.t, cast(row_number() over (partition by ticket.t order by version.updated_at nulls first) as integer) as version,
    version.updated_at, version.channel, version.priority, version.team, version.agent_key, version.category,
    version.product, version.brand, version.schedule_id
from (
    select * from version
    qualify row_number() over (
        partition by source, ticket_id, updated_at order by batch_sequence desc, position desc
    ) = 1
) as version
inner join ticket using (source, ticket_id);

-- What happened on each ticket, in its one order, with the values then in force.

create temp table recorded as
select distinct t from event where event_type in ('created', 'status');

create temp table happening as
with events as (
    select
        event.t, greatest(event.occurred_at, ticket.created_at) as moment, event.event_id,
        case
            when event.event_type in ('reply', 'note') then case when event.is_public then 'reply' else 'note' end
            when event.event_type = 'call' and not event.is_public then 'other'
            else event.event_type
        end as kind,
        coalesce(event.actor_role, case when event.agent_key is not null then 'agent' end) as author,
        event.agent_key,
        case when event.event_type in ('status', 'satisfaction') then lower(trim(event.value)) else event.value end as value,
        event.is_inexact, event.session_id, event.wait_seconds, ticket.is_inbound,
        event.event_type = 'reply' and (event.session_id is not null or coalesce(ticket.channel = 'chat', false)) as is_live
    from event
    inner join ticket using (t)
    left join repeat on event.t = repeat.t and event.event_id = repeat.event_id
    where repeat.event_id is null
), outbound as (
    select t, min(moment) as first_contact_at from events
    where not is_inbound and kind in ('reply', 'call') and author = 'customer'
    group by t
), marked as (
    select
        events.*, null::integer as version, null::varchar as row_schedule,
        kind in ('reply', 'call') and coalesce(author = 'customer', false) as is_contact,
        coalesce(
            case kind
                when 'reply' then author = 'agent'
                when 'call' then author = 'agent' or (author = 'customer' and agent_key is not null)
                else false
            end and (is_inbound or moment >= first_contact_at), false
        ) as is_answer
    from events left join outbound using (t)
), rows as (
    select
        t, moment, event_id, kind, author, agent_key, value, is_inexact, session_id, wait_seconds, version, row_schedule, is_live,
        is_contact, is_answer
    from marked
    union all
    select
        ticket.t, created_at, null, 'opened', null, null,
        case
            when recorded.t is not null then 'new'
            when not is_done(ticket.status) or ticket.resolved_at is not null then 'open'
        end, is_inexact, null, null, 1, history.schedule_id, false, false, false
    from ticket left join recorded using (t) inner join history on ticket.t = history.t and history.version = 1
    union all
    select t, first_responded_at, null, 'row_response', null, null, null, false, null, null, null, null, false, false, false
    from ticket anti join recorded using (t) where first_responded_at <= (select moment from as_of)
    union all
    select
        t, resolved_at, null, 'row_solve', null, null, case when is_done(status) then 'solved' end, false, null, null, null,
        null, false, false, false
    from ticket anti join recorded using (t) where resolved_at <= (select moment from as_of)
    union all
    select
        t, greatest(history.updated_at, ticket.created_at), null, 'version', null, null, null, false, null, null,
        history.version, history.schedule_id, false, false, false
    from history inner join ticket using (t)
    where history.version > 1 and history.updated_at <= (select moment from as_of)
)
select
    *,
    cast(case
        when kind = 'opened' then 0 when kind = 'version' then 1 when kind = 'created' then 2
        when kind in ('team', 'assignment', 'priority', 'category', 'schedule') then 3 when kind = 'handover' then 4
        when kind in ('reply', 'call', 'note') and not is_answer
            then case author when 'customer' then 5 when 'bot' then 6 else 7 end
        when kind in ('reply', 'call', 'row_response') then 8
        when kind = 'status' and value = 'new' then 10 when kind = 'status' and value = 'open' then 11
        when kind = 'status' and value = 'pending' then 12 when kind = 'status' and value = 'on_hold' then 13
        when kind = 'row_solve' or kind = 'status' and value = 'solved' then 14
        when kind = 'status' and value = 'closed' then 15
        when kind = 'satisfaction_offered' then 20 when kind = 'satisfaction' then 21 else 22
    end as integer) * 1000 + coalesce(length(event_id), version, 0) as place,
    case
        when kind in ('opened', 'row_solve') then value
        when kind = 'status' and value in ('new', 'open', 'pending', 'on_hold', 'solved', 'closed') then value
    end as status_set
from rows;

create temp table numbered as
select
    t, moment, kind, author, agent_key, value, is_inexact, session_id, wait_seconds, is_live, is_contact, is_answer,
    event_id is not null as is_event, row_schedule,
    cast(row_number() over in_order as integer) as num,
    lead(moment) over in_order as next_at,
    last_value(status_set ignore nulls) over before as status_before,
    last_value(status_set ignore nulls) over in_order as status,
    last_value(case when kind = 'assignment' then coalesce(agent_key, '') end ignore nulls) over before as assignee_before,
    last_value(case when kind = 'assignment' then agent_key end ignore nulls) over before as last_assignee,
    last_value(case when kind = 'assignment' then coalesce(agent_key, '') end ignore nulls) over in_order as assignee,
    last_value(case when kind = 'team' then nullif(value, '') end ignore nulls) over before as last_team,
    last_value(case when kind = 'team' then coalesce(value, '') end ignore nulls) over in_order as team,
    last_value(case when kind = 'priority' then coalesce(value, '') end ignore nulls) over in_order as priority,
    last_value(case when kind = 'category' then coalesce(value, '') end ignore nulls) over in_order as category,
    coalesce(
        nullif(coalesce(
            last_value(case when kind = 'schedule' then coalesce(value, '') end ignore nulls) over in_order,
            last_value(row_schedule ignore nulls) over in_order
        ), ''), 'default'
    ) as schedule_id,
    last_value(version ignore nulls) over in_order as version
from happening
window
    in_order as (partition by t order by moment, place, event_id rows between unbounded preceding and current row),
    before as (partition by t order by moment, place, event_id rows between unbounded preceding and 1 preceding);

drop table happening;
drop table event;
-- The schedules' clocks: open time so far, as a step of the day's spans. Local hours less holidays, cut into spans.

create temp table open_span as
with hours as (
    select schedule_id, time_zone, weekday, valid_from, valid_to,
        case when opens_at = '24:00' then interval 24 hour else to_microseconds(epoch_us(cast(opens_at as time))) end as opens,
        case when closes_at = '24:00' then interval 24 hour else to_microseconds(epoch_us(cast(closes_at as time))) end as closes
    from read_csv('{seeds}/business_hours.csv', header = true, columns = {
        'schedule_id': 'varchar', 'time_zone': 'varchar', 'weekday': 'varchar', 'opens_at': 'varchar', 'closes_at': 'varchar',
        'valid_from': 'date', 'valid_to': 'date'})
), holidays as (
    select schedule_id, date as day,
        case when closed_from is null then interval 0 hour else to_microseconds(epoch_us(cast(closed_from as time))) end as closes,
        case when closed_to is null or closed_to = '24:00' then interval 24 hour
            else to_microseconds(epoch_us(cast(closed_to as time))) end as opens
    from read_csv('{seeds}/holidays.csv', header = true, columns = {
        'schedule_id': 'varchar', 'date': 'date', 'closed_from': 'varchar', 'closed_to': 'varchar', 'name': 'varchar'})
), days as (
    select cast(unnest(generate_series(
        (select min(created_at) from ticket) - interval 60 day, (select moment from as_of) + interval 5 year, interval 1 day
    )) as date) as day
), local_hours as (
    select hours.schedule_id, time_zone, day, opens, closes
    from days inner join hours
        on lower(left(dayname(day), 3)) = weekday and day >= coalesce(valid_from, day) and (valid_to is null or day < valid_to)
), cut as (
    -- what a day's holiday leaves of a span: the part before it and the part after it (one holiday a day here)
    select schedule_id, time_zone, day, local_hours.opens, least(local_hours.closes, holidays.closes) as closes
    from local_hours inner join holidays using (schedule_id, day)
    union all
    select schedule_id, time_zone, day, greatest(local_hours.opens, holidays.opens), local_hours.closes
    from local_hours inner join holidays using (schedule_id, day)
    union all
    select * from local_hours anti join holidays using (schedule_id, day)
), spans as (
    select schedule_id, timezone('UTC', timezone(time_zone, day + opens)) as opens_at,
        timezone('UTC', timezone(time_zone, day + closes)) as closes_at
    from cut where opens < closes
)
select schedule_id, opens_at, closes_at,
    cast(coalesce(sum(epoch_us(closes_at) - epoch_us(opens_at)) over (
        partition by schedule_id order by opens_at rows between unbounded preceding and 1 preceding
    ), 0) as bigint) as before_us,
    epoch_us(closes_at) - epoch_us(opens_at) as length_us
from spans;

create temp table as_of_clock as
select schedule_id, max(before_us + least(length_us, epoch_us(as_of.moment) - epoch_us(opens_at))) as clock_us
from open_span, as_of where opens_at <= as_of.moment group by schedule_id;

-- Each row with what its ticket's clock reads: its schedule's, or where the schedule changed the sum of its stretches.

create temp table read_clock as
select numbered.* exclude (row_schedule, value), value,
    coalesce(before_us + least(length_us, epoch_us(numbered.moment) - epoch_us(opens_at)), 0) as clock_us
from numbered asof left join open_span
    on numbered.schedule_id = open_span.schedule_id and numbered.moment >= open_span.opens_at;

drop table numbered;

create temp table moved as
with stretch as (
    select t, num, schedule_id, clock_us, coalesce(next_at, as_of.moment) as ends_at
    from read_clock, as_of
    where t in (select t from read_clock group by t having min(schedule_id) <> max(schedule_id))
), measured as (
    select t, num,
        coalesce(before_us + least(length_us, epoch_us(ends_at) - epoch_us(opens_at)), 0) - clock_us as open_us
    from stretch asof left join open_span
        on stretch.schedule_id = open_span.schedule_id and stretch.ends_at >= open_span.opens_at
)
select t, num, cast(sum(open_us) over (partition by t order by num) - open_us as bigint) as clock_us,
    cast(sum(open_us) over (partition by t order by num) as bigint) as end_us
from measured;

-- Live sessions: messages of one session id, else without a gap of more than 30 minutes.

create temp table live as
with message as (
    select *, sum(case when session_id is null and epoch_us(moment) - epoch_us(previous) > 1800000000 then 1 else 0 end)
        over (partition by t, session_id order by num) as session
    from (
        select t, num, session_id, moment, is_contact, is_answer,
            lag(moment) over (partition by t, session_id order by num) as previous
        from read_clock where is_live and kind = 'reply'
    )
)
select t, num, coalesce(bool_or(is_answer) over before, false) as is_answered,
    min(case when is_contact then moment end) over before as waiting_since
from message
window before as (partition by t, session_id, session order by num rows between unbounded preceding and 1 preceding);

create temp table spine as
select
    rows.* exclude (clock_us, session_id, is_live, status_before, assignee_before, last_assignee, last_team),
    rows.clock_us as schedule_us,
    coalesce(moved.clock_us, rows.clock_us) as clock_us,
    case when next_at is null then coalesce(moved.end_us, as_of_clock.clock_us) end as as_of_us,
    is_answer and not coalesce(is_answered, false) as is_touch,
    is_contact and not is_answer and not coalesce(is_answered, false) as is_waiting_contact,
    waiting_since,
    kind = 'status' and value = status and value <> coalesce(status_before, 'new') as is_transition,
    kind = 'row_solve' and value is not null
        or kind = 'status' and value = status and is_done(value) and not is_done(status_before) as is_done_now,
    kind = 'status' and value = status and is_done(status_before) and not is_done(value) as is_reopen,
    kind = 'assignment' and agent_key <> last_assignee as is_handoff,
    kind = 'team' and nullif(value, '') <> last_team as is_transfer,
    cast(is_waiting(status_before) as integer) - cast(is_waiting(status) as integer) as waiting_change,
    cast(coalesce(status_before = 'pending', false) as integer) - cast(coalesce(status = 'pending', false) as integer)
        as pending_change,
    cast(coalesce(status_before = 'on_hold', false) as integer) - cast(coalesce(status = 'on_hold', false) as integer)
        as on_hold_change,
    cast(coalesce(not is_done(status_before) and status_before is not null and coalesce(assignee_before, '') = '', false) as integer)
    - cast(coalesce(not is_done(status) and status is not null and coalesce(assignee, '') = '', false) as integer)
        as unassigned_change
from read_clock as rows
left join moved using (t, num)
left join live using (t, num)
left join as_of_clock on rows.schedule_id = as_of_clock.schedule_id;

drop table read_clock;

-- One row a ticket. A ticket's clock never runs back, so the first of anything has the least reading of it. A wait is the
-- sum of what the clock read whenever it ended less whenever it began.

create temp table summary as
select
    t,
    min(num) filter (is_touch) as first_touch_num, min(moment) filter (is_touch) as first_touch_at,
    min(clock_us) filter (is_touch) as first_touch_us, arg_min_null(wait_seconds, num) filter (is_touch) as touch_wait_seconds,
    arg_min_null(waiting_since, num) filter (is_touch) as touch_waiting_since,
    min(num) filter (kind = 'row_response') as row_response_num, min(moment) filter (kind = 'row_response') as row_response_at,
    min(clock_us) filter (kind = 'row_response') as row_response_us,
    min(moment) filter (is_contact) as first_contact_at, min(clock_us) filter (is_contact) as first_contact_us,
    min(num) filter (is_contact) as first_contact_num,
    min(num) filter (kind = 'reply' and author = 'bot') as first_bot_reply_num,
    min(moment) filter (kind = 'reply' and author = 'bot') as first_bot_reply_at,
    min(clock_us) filter (kind = 'reply' and author = 'bot') as first_bot_reply_us,
    min(num) filter (kind = 'handover') as handover_num, min(moment) filter (kind = 'handover') as handover_at,
    min(clock_us) filter (kind = 'handover') as handover_us,
    coalesce(
        min(num) filter (is_transition and value = 'solved'), min(num) filter (is_transition and value = 'closed'),
        min(num) filter (kind = 'row_solve')
    ) as first_solve_num,
    coalesce(
        max(num) filter (is_transition and value = 'solved'), max(num) filter (is_transition and value = 'closed'),
        max(num) filter (kind = 'row_solve')
    ) as last_solve_num,
    min(moment) filter (is_reopen) as first_reopened_at, min(clock_us) filter (num = 1) as opened_us,
    max(as_of_us) as as_of_us, arg_max_null(status, num) as last_status,
    bool_or(kind in ('created', 'status')) as has_history, bool_or(kind in ('reply', 'call')) as has_messages,
    bool_or(kind = 'assignment') as has_assignments,
    count(*) filter (is_touch) as touch_count,
    count(*) filter (kind = 'reply' and author = 'agent') as agent_reply_count,
    count(*) filter (kind = 'reply' and author = 'customer') as customer_reply_count,
    count(*) filter (kind = 'reply' and author = 'bot') as bot_reply_count,
    count(*) filter (kind = 'note') as note_count, count(*) filter (kind = 'call') as call_count,
    count(*) filter (is_handoff) as handoff_count, count(*) filter (is_transfer) as transfer_count,
    count(*) filter (is_reopen) as reopen_count, count(*) filter (is_event) as event_count,
    sum(epoch_us(moment) * waiting_change) as waiting_moments, sum(clock_us * waiting_change) as waiting_clocks,
    -sum(waiting_change) as is_waiting_now,
    sum(epoch_us(moment) * pending_change) as pending_moments, sum(clock_us * pending_change) as pending_clocks,
    -sum(pending_change) as is_pending_now,
    sum(epoch_us(moment) * on_hold_change) as on_hold_moments, sum(clock_us * on_hold_change) as on_hold_clocks,
    -sum(on_hold_change) as is_on_hold_now,
    sum(epoch_us(moment) * unassigned_change) as unassigned_moments, sum(clock_us * unassigned_change) as unassigned_clocks,
    -sum(unassigned_change) as is_unassigned_now,
    arg_min(value, num) filter (kind = 'satisfaction') as first_satisfaction,
    arg_max(value, num) filter (kind = 'satisfaction') as last_satisfaction,
    bool_or(kind = 'satisfaction_offered') as is_satisfaction_offered
from spine
group by t;

-- The rows that answer, and the customer's turns between them.

create temp table answer as
select
    t, num, moment, clock_us, kind, author, agent_key, assignee, team, priority, category, version, is_touch, is_done_now,
    is_reopen, is_waiting_contact, is_contact, status,
    coalesce(sum(case when is_touch or is_done_now then 1 else 0 end) over (
        partition by t order by num rows between unbounded preceding and 1 preceding
    ), 0) as turn
from spine
where is_touch or is_done_now or is_contact or is_reopen or is_transition and is_done(value)
    or kind in ('opened', 'row_response', 'row_solve') or kind = 'reply' and author = 'bot';

create temp table segment as
select
    customer_key, segment,
    case when row_number() over (partition by customer_key order by updated_at) = 1 then timestamp '1900-01-01'
        else utc(updated_at) end as valid_from
from read_parquet('{landing}/customers/*/*/*.parquet', union_by_name = true)
qualify not is_deleted and not is_test and not last_value(is_deleted or is_test) over (
    partition by customer_key order by updated_at rows between unbounded preceding and unbounded following
);

create temp table valued as
with placed as (
    select
        answer.t, num, moment, clock_us, answer.kind, author, turn, is_touch, is_done_now, is_reopen, answer.status, ticket.customer_key,
        local_day(moment) as day, history.channel, history.product, history.brand,
        case when answer.priority is null then history.priority else nullif(answer.priority, '') end as priority,
        case when answer.team is null then history.team else nullif(answer.team, '') end as team,
        case when answer.category is null then history.category else nullif(answer.category, '') end as category,
        coalesce(
            case when is_touch or author = 'agent' then answer.agent_key end,
            case when assignee is null then history.agent_key else nullif(assignee, '') end
        ) as agent
    from answer
    inner join ticket using (t)
    inner join history on answer.t = history.t and answer.version = history.version
    where not is_waiting_contact or is_touch
)
select placed.*, segment.segment
from placed asof left join segment
    on placed.customer_key = segment.customer_key and placed.moment >= segment.valid_from;

create temp table turn as
with question as (
    select t, turn, min(moment) as asked_at, min(clock_us) as asked_us, min(num) as asked_num, count(*) as message_count
    from answer inner join summary using (t)
    where is_waiting_contact and num > first_touch_num
    group by t, turn
)
select
    question.*, valued.* exclude (t, turn, moment, clock_us), valued.moment as ended_at, valued.clock_us as ended_us,
    case when valued.is_touch then 'replied' when valued.is_done_now then 'solved' else 'open' end as outcome
from question
left join valued on question.t = valued.t and question.turn = valued.turn and (valued.is_touch or valued.is_done_now);

-- Who came back after the first solve, and when.

create temp table first_solve as
select valued.*, ticket.source, ticket.ticket_id from summary
inner join valued on summary.t = valued.t and summary.first_solve_num = valued.num
inner join ticket on summary.t = ticket.t;

create temp table contact as
select source, ticket_id, parent_ticket_id, customer_key, category, is_inbound, created_at
from latest where not is_left_out and created_at <= (select moment from as_of);

create temp table come_back as
with inbound as (
    select customer_key, coalesce(category, '') as category, created_at from contact where is_inbound and customer_key is not null
), follow_up as (
    select first_solve.t, min(contact.created_at) as follow_up_at
    from first_solve inner join contact
        on first_solve.source = contact.source and first_solve.ticket_id = contact.parent_ticket_id
        and first_solve.moment < contact.created_at
    group by first_solve.t
), any_contact as (
    select t, created_at from first_solve asof inner join inbound
        on first_solve.customer_key = inbound.customer_key and first_solve.moment < inbound.created_at
), alike as (
    select t, created_at from first_solve asof inner join inbound
        on first_solve.customer_key = inbound.customer_key and first_solve.category = inbound.category
        and first_solve.moment < inbound.created_at
), unsorted as (
    select t, created_at from first_solve asof inner join (select * from inbound where category = '') as inbound
        on first_solve.customer_key = inbound.customer_key and first_solve.moment < inbound.created_at
)
select
    first_solve.t, follow_up_at,
    case when first_solve.category is null then any_contact.created_at
        else least(alike.created_at, unsorted.created_at) end as contact_at
from first_solve
left join follow_up using (t) left join any_contact using (t) left join alike using (t) left join unsorted using (t);

-- The first touch of a live contact waited in a queue: since when, on the ticket's clock.

create temp table queue as
with waiting as (
    select t, coalesce(first_touch_at - to_microseconds(cast(round(1000000 * touch_wait_seconds) as bigint)), touch_waiting_since)
        as since
    from summary inner join ticket using (t)
    where row_response_at is null and (touch_wait_seconds is not null or touch_waiting_since is not null)
        and channel in ('chat', 'phone')
), placed as (
    select waiting.t, since, schedule_id, clock_us - schedule_us as ahead_us
    from (select t, since, greatest(since, created_at) as looked_at from waiting inner join ticket using (t)) as waiting
    asof inner join spine on waiting.t = spine.t and waiting.looked_at >= spine.moment
)
select t, ahead_us + coalesce(before_us + least(length_us, epoch_us(since) - epoch_us(opens_at)), 0) as since_us
from placed asof left join open_span
    on placed.schedule_id = open_span.schedule_id and placed.since >= open_span.opens_at;

create table ticket_answers as
with after_handover as (
    select t, min(num) as touch_num, min(moment) as touch_at, min(clock_us) as touch_us
    from spine inner join summary using (t) where is_touch and num > handover_num group by t
), turns as (
    select t,
        avg(minutes(asked_at, ended_at)) filter (outcome = 'replied') as calendar_minutes,
        avg((ended_us - asked_us) / 60000000.0::double) filter (outcome = 'replied') as business_minutes,
        count(*) filter (outcome = 'replied') as replied_turn_count, count(*) filter (outcome = 'solved') as solved_turn_count,
        count(*) filter (outcome = 'open') as open_turn_count
    from turn group by t
), solves as (
    select t, num, moment, clock_us, author from valued where kind in ('status', 'row_solve')
), joined as (
    select
        ticket.* exclude (reopen_count), ticket.reopen_count as row_reopen_count, summary.* exclude (t, reopen_count),
        summary.reopen_count as seen_reopen_count, come_back.* exclude (t), queue.since_us, turns.* exclude (t),
        first_solve.moment as first_solved_at, first_solve.clock_us as first_solved_us, first_solve.author as solver,
        last_solve.moment as last_solved_at, last_solve.clock_us as last_solved_us,
        after_handover.touch_num as after_handover_num, after_handover.touch_at as after_handover_at, after_handover.touch_us as after_handover_us, as_of.moment as as_of,
        case when ticket.is_inbound then ticket.created_at else first_contact_at end as started_at,
        case when ticket.is_inbound then opened_us else first_contact_us end as started_us,
        ticket.is_inbound and ticket.is_inexact as is_start_inexact,
        coalesce(row_response_at, first_touch_at) as responded_at,
        coalesce(row_response_us, first_touch_us) as responded_us,
        case when has_history then last_status else ticket.status end as state,
        row_response_at is null and ticket.channel in ('chat', 'phone')
            and coalesce(first_contact_at >= coalesce(touch_waiting_since, first_touch_at), first_contact_at is null) as is_queued
    from ticket inner join summary using (t) cross join as_of
    left join come_back using (t) left join queue using (t) left join turns using (t)
    left join solves as first_solve on ticket.t = first_solve.t and summary.first_solve_num = first_solve.num
    left join solves as last_solve on ticket.t = last_solve.t and summary.last_solve_num = last_solve.num
    left join after_handover on ticket.t = after_handover.t
), judged as (
    select
        *, first_solved_at >= started_at as is_solved_after_start, has_history or has_messages as is_counted,
        case when has_history then seen_reopen_count
            else coalesce(row_reopen_count, case when resolved_at <= as_of and not is_done(status) then 1 end) end as reopens,
        epoch_us(as_of) - epoch_us(first_solved_at) >= 604800000000 as is_window_over,
        case when has_history then coalesce(epoch_us(first_reopened_at) - epoch_us(first_solved_at) <= 604800000000, false)
            else reopens > 0 end as is_reopened_early,
        coalesce(epoch_us(follow_up_at) - epoch_us(first_solved_at) <= 604800000000, false) as is_followed_up,
        coalesce(epoch_us(contact_at) - epoch_us(first_solved_at) <= 604800000000, false) as is_contacted
    from joined
)
select
    source, ticket_id, t, is_inbound, state as status, first_solved_at, responded_at,
    case when is_done(state) then last_solved_at end as resolved_at,
    case
        when is_queued and touch_wait_seconds is not null then touch_wait_seconds / 60
        when is_queued and touch_waiting_since is not null then minutes(touch_waiting_since, responded_at)
        when not is_start_inexact then minutes(started_at, responded_at)
    end as first_response_calendar_minutes,
    case
        when is_queued and (touch_wait_seconds is not null or touch_waiting_since is not null)
            then open_minutes(since_us, responded_us)
        when not is_start_inexact then open_minutes(started_us, responded_us)
    end as first_response_business_minutes,
    case when not is_start_inexact then minutes(started_at, first_bot_reply_at) end as first_bot_response_calendar_minutes,
    case when not is_start_inexact then open_minutes(started_us, first_bot_reply_us) end
        as first_bot_response_business_minutes,
    minutes(handover_at, after_handover_at) as first_response_after_handover_calendar_minutes,
    open_minutes(handover_us, after_handover_us) as first_response_after_handover_business_minutes,
    calendar_minutes as next_response_calendar_minutes, business_minutes as next_response_business_minutes,
    case when not is_start_inexact and is_solved_after_start and (has_history or coalesce(reopens, 0) = 0)
        then minutes(started_at, first_solved_at) end as first_resolution_calendar_minutes,
    case when not is_start_inexact and is_solved_after_start and (has_history or coalesce(reopens, 0) = 0)
        then open_minutes(started_us, first_solved_us) end as first_resolution_business_minutes,
    case when not is_start_inexact and last_solved_at >= started_at and is_done(state)
        then minutes(started_at, last_solved_at) end as resolution_calendar_minutes,
    case when not is_start_inexact and last_solved_at >= started_at and is_done(state)
        then open_minutes(started_us, last_solved_us) end as resolution_business_minutes,
    case when has_history and not is_inexact
        then (waiting_moments + is_waiting_now * epoch_us(as_of)) / 60000000.0::double end as requester_wait_calendar_minutes,
    case when has_history and not is_inexact
        then (waiting_clocks + is_waiting_now * as_of_us) / 60000000.0::double end as requester_wait_business_minutes,
    case when has_history and not is_inexact
        then (pending_moments + is_pending_now * epoch_us(as_of)) / 60000000.0::double end as agent_wait_calendar_minutes,
    case when has_history and not is_inexact
        then (pending_clocks + is_pending_now * as_of_us) / 60000000.0::double end as agent_wait_business_minutes,
    case when has_history and not is_inexact
        then (on_hold_moments + is_on_hold_now * epoch_us(as_of)) / 60000000.0::double end as on_hold_calendar_minutes,
    case when has_history and not is_inexact
        then (on_hold_clocks + is_on_hold_now * as_of_us) / 60000000.0::double end as on_hold_business_minutes,
    case when has_history and not is_inexact and (has_assignments or agent_key is null)
        then (unassigned_moments + is_unassigned_now * epoch_us(as_of)) / 60000000.0::double end as unassigned_calendar_minutes,
    case when has_history and not is_inexact and (has_assignments or agent_key is null)
        then (unassigned_clocks + is_unassigned_now * as_of_us) / 60000000.0::double end as unassigned_business_minutes,
    case when is_counted then touch_count end as touch_count,
    case when is_counted then agent_reply_count end as agent_reply_count,
    case when is_counted then customer_reply_count end as customer_reply_count,
    case when is_counted then bot_reply_count end as bot_reply_count,
    case when is_counted then note_count end as note_count,
    case when is_counted then call_count end as call_count,
    case when has_history then handoff_count end as handoff_count,
    case when has_history then transfer_count end as transfer_count,
    reopens as reopen_count, event_count,
    coalesce(replied_turn_count, 0) as replied_turn_count, coalesce(solved_turn_count, 0) as solved_turn_count,
    coalesce(open_turn_count, 0) as open_turn_count,
    case when is_inbound and first_solved_at is not null and is_counted and touch_count > 0 then touch_count = 1 end as is_one_touch,
    case when is_inbound and is_window_over and is_counted and touch_count > 0 and customer_key is not null
            and is_reopened_early is not null
        then touch_count = 1 and not is_reopened_early and not is_followed_up and not is_contacted
    end as is_first_contact_resolved,
    case when is_inbound and is_window_over and is_reopened_early is not null then is_reopened_early or is_followed_up end
        as is_reopened_or_followed_up,
    case when is_inbound and first_solved_at is not null and is_counted
        then touch_count = 0 and coalesce(solver in ('customer', 'bot'), false) end as is_self_served,
    case when is_inbound and is_window_over and is_counted and bot_reply_count > 0 and customer_key is not null
            and is_reopened_early is not null
        then touch_count = 0 and coalesce(solver in ('customer', 'bot'), false) and not is_reopened_early
            and not is_followed_up and not is_contacted
    end as is_bot_contained,
    is_satisfaction_offered, last_satisfaction as satisfaction_value,
    started_at, coalesce(row_response_num, first_touch_num) as response_num, first_solve_num, last_solve_num,
    case when is_done(state) then last_solve_num end as lasting_solve_num, first_bot_reply_num, after_handover_num,
    case when first_solved_at is not null then coalesce(solver = 'system', false) end as is_auto_solved
from judged;

create table reply_answers as
select ticket.source, ticket.ticket_id, turn.turn as turn_number, outcome, asked_at as turn_started_at,
    ended_at as turn_ended_at, message_count, turn.agent, turn.team, turn.priority, turn.category, turn.channel, turn.segment,
    turn.product, turn.brand, minutes(asked_at, coalesce(ended_at, as_of.moment)) as turn_calendar_minutes,
    (coalesce(ended_us, summary.as_of_us) - asked_us) / 60000000.0::double as turn_business_minutes
from turn inner join ticket using (t) inner join summary using (t) cross join as_of;

-- Service levels. A run is what a target's clock is held against: its start, and what fulfilled it.

create temp table target as
select
    cast(row_number() over (order by metric, priority, valid_from) as integer) as target, metric, priority, target_minutes, clock,
    cast(round(60000000 * target_minutes) as bigint) as target_us, coalesce(valid_from, date '1900-01-01') as valid_from,
    coalesce(valid_to, date '9999-01-01') as valid_to,
    list_concat(
        string_split(coalesce(pauses_on, ''), ' '),
        case when metric = 'requester_wait' then ['pending', 'solved', 'closed'] else cast([] as varchar[]) end
    ) as pauses
from read_csv('{seeds}/sla_targets.csv', header = true, columns = {
    'metric': 'varchar', 'priority': 'varchar', 'target_minutes': 'double', 'clock': 'varchar', 'pauses_on': 'varchar',
    'valid_from': 'date', 'valid_to': 'date'});

create temp table run as
with answered as (
    select t, turn, min(num) as num from answer where is_touch or is_done_now or kind = 'row_response' group by t, turn
), begun as (
    select
        t, ticket_answers.is_inbound, started_at, ticket_answers.status, has_history, ticket.is_inexact, as_of_us,
        ticket_answers.last_solve_num,
        case when ticket_answers.is_inbound then opened_us else first_contact_us end as started_us,
        case when ticket_answers.is_inbound then 1 else first_contact_num end as started_num,
        ticket_answers.resolved_at is not null as is_solved
    from ticket_answers inner join ticket using (t) inner join summary using (t)
), turns as (
    select begun.t, answered.num
    from begun inner join answer on begun.t = answer.t and begun.started_num = answer.num
    inner join answered on begun.t = answered.t and answer.turn = answered.turn
), runs as (
    select begun.*, 'first_response' as metric, 0 as turn, turns.num as ended_num,
        case when valued.is_touch or valued.kind = 'row_response' then 'reply' when valued.t is not null then 'solve' end as met_by,
        valued.moment as fulfilled_at, valued.clock_us as fulfilled_us, is_inbound and is_inexact as is_run_inexact
    from begun left join turns using (t) left join valued on turns.t = valued.t and turns.num = valued.num
    union all
    select begun.*, metrics.metric, 0, valued.num, case when valued.t is not null then 'solve' end, valued.moment, valued.clock_us,
        is_inbound and is_inexact
    from begun cross join (values ('full_resolution'), ('requester_wait')) as metrics(metric)
    left join valued on begun.t = valued.t and last_solve_num = valued.num and is_solved
    union all
    select begun.* replace (asked_at as started_at, asked_us as started_us, asked_num as started_num), 'next_response', turn.turn,
        turn.num, case turn.outcome when 'replied' then 'reply' when 'solved' then 'solve' end, turn.ended_at, turn.ended_us, false
    from turn inner join begun using (t)
)
select
    *, local_day(started_at) as started_day, coalesce(fulfilled_at, (select moment from as_of)) as ended_at,
    case when fulfilled_at is null then as_of_us else fulfilled_us end as ended_us,
    case
        when started_at is null or fulfilled_at < started_at then 'no_clock'
        when is_run_inexact then 'inexact_time'
        when not has_history and (metric = 'requester_wait' or fulfilled_at is null and is_done(status)) then 'no_events'
        when metric = 'requester_wait' and is_inexact then 'inexact_time'
    end as bar
from runs;

-- The stretches of a ticket's life a target's clock may stand in, or be another in.

create temp table stretch as
select
    spine.t, num, moment as begins_at, clock_us as begins_us, spine.status, spine.schedule_id,
    case when spine.priority is null then history.priority else nullif(spine.priority, '') end as priority,
    lead(num) over in_order as next_num, coalesce(lead(moment) over in_order, (select moment from as_of)) as ends_at,
    coalesce(lead(clock_us) over in_order, as_of_us) as ends_us
from spine inner join history on spine.t = history.t and spine.version = history.version
where kind in ('opened', 'version', 'status', 'row_solve', 'priority', 'schedule') or next_at is null
window in_order as (partition by spine.t order by num);

-- A run that nothing can pause, on a ticket whose priority and schedule never change, is one stretch.
create temp table whole as
select t, any_value(schedule_id) as schedule_id, any_value(priority) as priority
from stretch group by t having count(distinct schedule_id) = 1 and count(distinct coalesce(priority, '')) = 1;

create temp table span as
with targeted as (
    select run.t, run.metric, run.turn, run.started_num as num, run.started_at as begins_at, run.ended_at as ends_at,
        run.ended_us - run.started_us as open_us, null as status, whole.schedule_id, whole.priority, true as is_last,
        coalesce(own.target, common.target) as target
    from run inner join whole using (t)
    left join target as own on run.metric = own.metric and whole.priority = own.priority
        and started_day >= own.valid_from and started_day < own.valid_to
    left join target as common on run.metric = common.metric and common.priority is null
        and started_day >= common.valid_from and started_day < common.valid_to
    where bar is null
), unpaused as (
    select targeted.* from targeted inner join target using (target) where pauses = ['']
), parts as (
    select run.t, run.metric, run.turn, stretch.num, greatest(begins_at, started_at) as begins_at,
        least(stretch.ends_at, run.ended_at) as ends_at, least(stretch.ends_us, run.ended_us) - greatest(begins_us, started_us) as open_us,
        stretch.status, schedule_id, priority, started_day,
        next_num is null or coalesce(next_num > ended_num, false) as is_last
    from (select * from run anti join unpaused using (t, metric, turn) where bar is null) as run
    inner join stretch on run.t = stretch.t
        and (ended_num is null or ended_num >= stretch.num) and (next_num is null or started_num < next_num)
)
select parts.* exclude (started_day), coalesce(own.target, common.target) as target
from parts
left join target as own on parts.metric = own.metric and parts.priority = own.priority
    and started_day >= own.valid_from and started_day < own.valid_to
left join target as common on parts.metric = common.metric and common.priority is null
    and started_day >= common.valid_from and started_day < common.valid_to
union all
select * from unpaused;

-- Each target that governs a run at any time is held against the whole of it.

create temp table due as
with held as (
    select *, unnest(case when least_target = greatest_target then [least_target] else targets end) as held_target
    from (
        select *, min(target) over whole_run as least_target, max(target) over whole_run as greatest_target,
            case when min(target) over whole_run < max(target) over whole_run then list_distinct(list(target) over whole_run) end
                as targets
        from span
        window whole_run as (partition by t, metric, turn)
    )
), counted as (
    select held.*, target_us, clock, held.target = held_target as is_governing, list_contains(pauses, held.status) as is_paused,
        case when list_contains(pauses, held.status) then 0 when clock = 'business' then open_us
            else epoch_us(ends_at) - epoch_us(begins_at) end as counted_us
    from held inner join target on held.held_target = target.target
), summed as (
    select *, sum(counted_us) over (partition by t, metric, turn, held_target order by num) as after_us from counted
), clocks as (
    select
        t, metric, turn, held_target as target, any_value(target_us) as target_us, any_value(clock) as clock,
        sum(counted_us) as elapsed_us, max(ends_at) filter (is_last) as ended_at, max(schedule_id) filter (is_last) as last_schedule,
        max(priority) filter (is_last) as last_priority, bool_or(is_last and is_governing) as is_in_force,
        coalesce(bool_or(is_last and is_paused), false) as is_paused,
        max(begins_at) filter (after_us >= target_us and after_us - counted_us < target_us) as reached_from,
        max(schedule_id) filter (after_us >= target_us and after_us - counted_us < target_us) as reached_schedule,
        max(target_us - after_us + counted_us) filter (after_us >= target_us and after_us - counted_us < target_us) as reached_after,
        -- the first two stretches it governs in or after which it is reached; one of no length governs nothing, but for the last
        arg_min({'begins': begins_at, 'ends': ends_at, 'priority': priority}, num, 2)
            filter (is_governing and after_us >= target_us and (begins_at < ends_at or is_last)) as overdue
    from summed group by t, metric, turn, held_target
), anchored as (
    select *, coalesce(reached_from, ended_at) as due_from,
        case when reached_from is null then last_schedule else reached_schedule end as due_schedule,
        cast(coalesce(reached_after, target_us - elapsed_us) as bigint) as due_after
    from clocks
), read as (
    select anchored.*, due_after + coalesce(before_us + least(length_us, epoch_us(due_from) - epoch_us(opens_at)), 0) as reading
    from anchored asof left join open_span
        on anchored.due_schedule = open_span.schedule_id and anchored.due_from >= open_span.opens_at
), dued as (
    select read.*, case when clock = 'calendar' then due_from + to_microseconds(due_after)
        else opens_at + to_microseconds(reading - before_us) end as due_at
    from read asof left join open_span
        on read.due_schedule = open_span.schedule_id and read.reading > open_span.before_us
), broken as (
    select *,
        case
            when due_at >= ended_at then null
            -- due at the very end of the first is in time there
            when greatest(due_at, overdue[1].begins) < overdue[1].ends or overdue[1].ends = ended_at then overdue[1]
            else overdue[2]
        end as breach,
        case when breach is not null then greatest(due_at, breach['begins']) end as breached_at
    from dued
)
select * from broken
where breached_at is not null or is_in_force
qualify row_number() over (
    partition by t, metric, turn order by breached_at nulls last, is_in_force desc, target
) = 1;

create table sla_answers as
select
    ticket.source, ticket.ticket_id, run.metric, run.turn as turn_number, run.started_at, run.fulfilled_at, run.met_by,
    target.target_minutes, target.clock,
    case when breached_at is not null then coalesce(reached_schedule, last_schedule) else last_schedule end as schedule_id,
    case when breached_at is not null then breach.priority else last_priority end as priority,
    case
        when bar is not null then bar
        when due.target is null then 'no_target'
        when pauses <> [''] and not has_history then 'no_events'
        when pauses <> [''] and run.is_inexact then 'inexact_time'
    end as reason,
    case
        when reason is not null then 'not_applicable'
        when breached_at is not null then 'breached'
        when fulfilled_at is not null then 'met'
        when is_paused then 'paused'
        else 'pending'
    end as state,
    case when reason is null and not (is_paused and fulfilled_at is null) then due_at end as due_at,
    case when reason is null then breached_at end as breached_at,
    case when reason is null then elapsed_us / 60000000.0::double end as elapsed_minutes,
    case when reason is null then local_day(coalesce(due.breached_at, fulfilled_at)) end as decided_date
from run inner join ticket using (t)
left join due on run.t = due.t and run.metric = due.metric and run.turn = due.turn
left join target on due.target = target.target;

-- The backlog: runs of days at whose ends a ticket stood unsolved with the same values, and the age bands they pass.

create temp table backlog_run as
with days as (
    select *, local_day(moment) as day, coalesce(local_day(next_at), date '9999-01-01') as next_day from spine
), ends as (
    select t, num, day, moment, priority, team, assignee, category, version, status is not null and not is_done(status) as is_unsolved
    from days where next_day > day
), changed as (
    select *, lag(hash(is_unsolved, priority, team, assignee, category, version)) over (partition by t order by num)
        is distinct from hash(is_unsolved, priority, team, assignee, category, version) as is_new
    from ends
), runs as (
    select *, lead(day) over (partition by t order by num) as end_day from changed where is_new
), placed as (
    select
        local_day(ticket.created_at) as created_day, runs.day as first_day, coalesce(end_day, as_of.day + 1) as end_day,
        runs.moment,
        ticket.customer_key, history.channel, history.product, history.brand,
        case when runs.priority is null then history.priority else nullif(runs.priority, '') end as priority,
        case when runs.team is null then history.team else nullif(runs.team, '') end as team,
        case when runs.category is null then history.category else nullif(runs.category, '') end as category,
        case when runs.assignee is null then history.agent_key else nullif(runs.assignee, '') end as agent
    from runs cross join as_of
    inner join ticket using (t) inner join history on runs.t = history.t and runs.version = history.version
    where is_unsolved
)
select placed.*, segment.segment
from placed asof left join segment
    on placed.customer_key = segment.customer_key and placed.moment >= segment.valid_from;

create temp table band as
select * from (values (0, 1, '0'), (1, 3, '1-2'), (3, 7, '3-6'), (7, 30, '7-29'), (30, 90, '30-89'), (90, 999999, '90+'))
    as bands(first_age, end_age, age_band_days);

create temp table came_and_went as
select valued.*, band.age_band_days
from valued inner join ticket on valued.t = ticket.t
inner join band on day - local_day(created_at) >= first_age and day - local_day(created_at) < end_age
where (valued.kind = 'opened' and valued.status is not null) or is_done_now or is_reopen;

create temp table backlog_change as
select
    created_day + cast(greatest(first_day - created_day, first_age) as integer) as day, age_band_days, 1 as entered, 0 as opened, 0 as solved,
    0 as reopened, channel, priority, team, agent, category, segment, product, brand
from backlog_run inner join band on first_day - created_day < end_age and end_day - created_day > first_age
union all
select created_day + cast(least(end_day - created_day, end_age) as integer), age_band_days, -1, 0, 0, 0, channel, priority, team, agent, category,
    segment, product, brand
from backlog_run inner join band on first_day - created_day < end_age and end_day - created_day > first_age
union all
select day, age_band_days, 0, case when kind = 'opened' then 1 else 0 end, case when is_done_now then 1 else 0 end,
    case when is_reopen then 1 else 0 end, channel, priority, team, agent, category, segment, product, brand
from came_and_went;

create table backlog_answers (
    date_day date, dimension varchar, dimension_value varchar, age_band_days varchar, opened bigint, solved bigint, reopened bigint,
    unsolved bigint
);

-- each dimension
insert into backlog_answers
with kept as (
    select {dimension} as value from came_and_went where {dimension} is not null
    group by value order by ended_or_open(count_if(is_of_ended_month(day)), count(*)) desc, value limit 200
), daily as (
    select day, age_band_days, case when {dimension} is null then '(none)' else coalesce(kept.value, '(other)') end as value,
        sum(entered) as entered, sum(opened) as opened, sum(solved) as solved, sum(reopened) as reopened
    from backlog_change left join kept on {dimension} = kept.value
    group by all
), first_days as (
    select value, age_band_days, min(day) as first_day from daily group by all
), days as (
    select value, age_band_days,
        unnest(generate_series(first_day, (select day from as_of), interval 1 day))::date as day
    from first_days
)
select
    day, '{name}', value, age_band_days, coalesce(opened, 0), coalesce(solved, 0), coalesce(reopened, 0),
    sum(coalesce(entered, 0)) over (partition by value, age_band_days order by day)
from days left join daily using (value, age_band_days, day);

-- The KPIs: what counts, once, then by every period and dimension.

create temp table duration as
select metric, calendar_minutes, business_minutes, day, channel, priority, team, agent, category, segment, product, brand
from (
    select t, 'first_response' as metric, response_num as num, first_response_calendar_minutes as calendar_minutes, is_inbound,
        first_response_business_minutes as business_minutes
    from ticket_answers
    union all
    select t, 'first_bot_response', first_bot_reply_num, first_bot_response_calendar_minutes, is_inbound, first_bot_response_business_minutes
    from ticket_answers
    union all
    select t, 'first_response_after_handover', after_handover_num, first_response_after_handover_calendar_minutes, is_inbound, first_response_after_handover_business_minutes
    from ticket_answers
    union all
    select t, 'first_resolution', first_solve_num, first_resolution_calendar_minutes, is_inbound, first_resolution_business_minutes
    from ticket_answers
    union all
    select t, 'resolution', last_solve_num, resolution_calendar_minutes, is_inbound, resolution_business_minutes
    from ticket_answers
    union all
    select t, 'requester_wait', lasting_solve_num, requester_wait_calendar_minutes, is_inbound, requester_wait_business_minutes
    from ticket_answers
    union all
    select t, 'agent_wait', lasting_solve_num, agent_wait_calendar_minutes, is_inbound, agent_wait_business_minutes
    from ticket_answers
    union all
    select t, 'on_hold', lasting_solve_num, on_hold_calendar_minutes, is_inbound, on_hold_business_minutes
    from ticket_answers
    union all
    select t, 'unassigned', lasting_solve_num, unassigned_calendar_minutes, is_inbound, unassigned_business_minutes
    from ticket_answers
) inner join valued using (t, num)
where is_inbound and calendar_minutes is not null
union all
select 'next_response', minutes(asked_at, ended_at), open_minutes(asked_us, ended_us), day, turn.channel, turn.priority,
    turn.team, turn.agent, turn.category, turn.segment, turn.product, turn.brand
from turn inner join ticket using (t)
where outcome = 'replied' and is_inbound;

create temp table solve as
select valued.*, is_first_contact_resolved, is_one_touch, is_reopened_or_followed_up, is_self_served, is_bot_contained, is_auto_solved
from ticket_answers inner join valued on ticket_answers.t = valued.t and ticket_answers.first_solve_num = valued.num
where is_inbound;

-- A service level is its fulfiller's; where nobody has fulfilled it, it is of the values in force when it was breached.
create temp table promise as
with decided as (
    select run.t, run.metric, run.ended_num, sla_answers.state = 'met' as is_met, decided_date as day, sla_answers.priority,
        sla_answers.breached_at, run.fulfilled_at
    from sla_answers inner join ticket using (source, ticket_id)
    inner join run on ticket.t = run.t and sla_answers.metric = run.metric and sla_answers.turn_number = run.turn
    where run.is_inbound and sla_answers.state in ('met', 'breached')
), unanswered as (
    select decided.*, spine.assignee, spine.team as said_team, spine.category as said_category, spine.version
    from decided inner join spine on decided.t = spine.t and spine.moment <= decided.breached_at
    where fulfilled_at is null
    qualify row_number() over (partition by decided.t, decided.metric, decided.day order by spine.num desc) = 1
), standing as (
    select unanswered.t, metric, is_met, day, unanswered.priority, history.channel, history.product, history.brand,
        case when said_team is null then history.team else nullif(said_team, '') end as team,
        case when said_category is null then history.category else nullif(said_category, '') end as category,
        case when assignee is null then history.agent_key else nullif(assignee, '') end as agent, customer_key, breached_at
    from unanswered inner join ticket using (t)
    inner join history on unanswered.t = history.t and unanswered.version = history.version
)
select metric, is_met, decided.day, channel, decided.priority, team, agent, category, segment, product, brand
from decided inner join valued on decided.t = valued.t and decided.ended_num = valued.num
where fulfilled_at is not null
union all
select metric, is_met, day, channel, priority, team, agent, category, segment.segment, product, brand
from standing asof left join segment
    on standing.customer_key = segment.customer_key and standing.breached_at >= segment.valid_from;

create temp table resolved as
select valued.*, ticket_answers.agent_reply_count, ticket_answers.touch_count, ticket_answers.handoff_count,
    ticket_answers.transfer_count
from ticket_answers inner join valued on ticket_answers.t = valued.t and ticket_answers.lasting_solve_num = valued.num
where is_inbound;

create temp table moved_in_or_out as
select *, kind = 'opened' as is_opening from valued
where kind = 'opened' and status is not null or is_done_now or is_reopen;

create macro is_over(grain, period_start) as ends(grain, period_start) <= (select day + 1 from as_of);

-- each dimension
insert into kpi_answers
with kept as (
    select {dimension} as value from duration where {dimension} is not null
    group by value order by ended_or_open(count_if(is_of_ended_month(day)), count(*)) desc, value limit 200
), placed as (
    select metric, calendar_minutes, business_minutes, {day} as day, week_of(unit.day) as week, month_of(unit.day) as month,
        quarter_of(unit.day) as quarter,
        case when {dimension} is null then '(none)' else coalesce(kept.value, '(other)') end as value
    from duration as unit left join kept on {dimension} = kept.value
), grouped as materialized (
    select
        metric, value, grain_of(grouping(day), grouping(week), grouping(month), grouping(quarter)) as grain,
        case when grouping(day) = 0 then day else coalesce(week, month, quarter, date '1900-01-01') end as period_start,
        count(*) as calendar_n, sum(calendar_minutes) as calendar_sum, stddev_samp(calendar_minutes) as calendar_deviation,
        quantile_cont(calendar_minutes, [0.5, 0.9, 0.95]) as calendar_percentiles, count(business_minutes) as business_n,
        sum(business_minutes) as business_sum, stddev_samp(business_minutes) as business_deviation,
        quantile_cont(business_minutes, [0.5, 0.9, 0.95]) as business_percentiles
    from placed
    group by grouping sets ((metric, value, day), (metric, value, week), (metric, value, month), (metric, value, quarter), (metric, value))
    having period_start is not null
), compared as (
    select now.*, is_over(now.grain, now.period_start) as is_over,
        last.calendar_sum / last.calendar_n as last_calendar, last.calendar_percentiles as last_calendar_percentiles,
        last.business_sum / last.business_n as last_business, last.business_percentiles as last_business_percentiles,
        year_ago.calendar_sum / year_ago.calendar_n as year_calendar, year_ago.calendar_percentiles as year_calendar_percentiles,
        year_ago.business_sum / year_ago.business_n as year_business, year_ago.business_percentiles as year_business_percentiles
    from grouped as now
    left join grouped as last on now.metric = last.metric and now.value = last.value and now.grain = last.grain
        and before(now.grain, now.period_start) = last.period_start and is_over(now.grain, now.period_start)
    left join grouped as year_ago on now.metric = year_ago.metric and now.value = year_ago.value and now.grain = year_ago.grain
        and a_year_before(now.grain, now.period_start) = year_ago.period_start and is_over(now.grain, now.period_start)
), clocks as (
    select metric || '_calendar_minutes' as name, value, grain, period_start, calendar_n as n, calendar_sum as total,
        calendar_deviation as deviation, calendar_percentiles as percentiles, last_calendar as last_average,
        last_calendar_percentiles as last_percentiles, year_calendar as year_average, year_calendar_percentiles as year_percentiles
    from compared
    union all
    select metric || '_business_minutes', value, grain, period_start, business_n, business_sum, business_deviation,
        business_percentiles, last_business, last_business_percentiles, year_business, year_business_percentiles
    from compared
), named as (
    select name || '_avg' as kpi, grain, period_start, value as place, n, total / n as value, total as numerator, n as denominator,
        total / n - t_975(n - 1) * deviation / sqrt(n) as ci_low, total / n + t_975(n - 1) * deviation / sqrt(n) as ci_high,
        last_average as previous, year_average as year_ago
    from clocks where n > 0
    union all
    select name || ending, grain, period_start, value, n, percentiles[place], null, null, null, null, last_percentiles[place],
        year_percentiles[place]
    from clocks cross join (values ('_median', 1), ('_p90', 2), ('_p95', 3)) as endings(ending, place)
    where n > 0
)
select kpi, grain, period_start, '{name}', place, n, value, numerator, denominator, ci_low, ci_high, previous, value - previous,
    value - year_ago, n < 30
from named;

-- each count
insert into kpi_answers
with kept as (
    select {dimension} as value from {units} where {dimension} is not null
    group by value order by ended_or_open(count_if(is_of_ended_month(day)), count(*)) desc, value limit 200
), placed as (
    select unit.* exclude (day), {day} as day, week_of(unit.day) as week, month_of(unit.day) as month,
        quarter_of(unit.day) as quarter,
        case when {dimension} is null then '(none)' else coalesce(kept.value, '(other)') end as place
    from {units} as unit left join kept on {dimension} = kept.value
), grouped as materialized (
    select
        place, grain_of(grouping(day), grouping(week), grouping(month), grouping(quarter)) as grain,
        case when grouping(day) = 0 then day else coalesce(week, month, quarter, date '1900-01-01') end as period_start,
        {counts} as counts
    from placed
    group by grouping sets ((place, day), (place, week), (place, month), (place, quarter), (place))
    having period_start is not null
), compared as (
    select now.grain, now.period_start, now.place, unnest(now.counts) as this, unnest(last.counts) as last,
        unnest(year_ago.counts) as year_ago
    from grouped as now
    left join grouped as last on now.place = last.place and now.grain = last.grain
        and before(now.grain, now.period_start) = last.period_start and is_over(now.grain, now.period_start)
    left join grouped as year_ago on now.place = year_ago.place and now.grain = year_ago.grain
        and a_year_before(now.grain, now.period_start) = year_ago.period_start and is_over(now.grain, now.period_start)
), named as (
    select this.*, grain, period_start, place, this.numerator / this.divisor as value,
        case when last.n > 0 then last.numerator / last.divisor end as previous,
        case when year_ago.n > 0 then year_ago.numerator / year_ago.divisor end as year_ago
    from compared where this.n > 0
)
select kpi, grain, period_start, '{name}', place, n, value, numerator, case when kind <> 'count' then n end,
    case kind when 'rate' then wilson(numerator, n, -1) when 'mean' then value - t_975(n - 1) * deviation / sqrt(n) end,
    case kind when 'rate' then wilson(numerator, n, 1) when 'mean' then value + t_975(n - 1) * deviation / sqrt(n) end,
    previous, value - previous, value - year_ago, n < 30
from named;
