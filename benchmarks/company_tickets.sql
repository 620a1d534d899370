-- The company's tickets and what happened on them, drawn with the macros of company.sql: one statement after the other.
-- Makes landed_tickets and landed_ticket_events: the columns of the contract that are not null, and `landed_at`, when the
-- source last touched the row.

-- One row a ticket, day after day: everything that is drawn once.  Three in five come by mail or form, one in four by chat.
create table drawn as
select
    n,
    case when draw(n, 1) < 0.8 then 'desk' else 'chatbox' end as source,
    cast(100000000 + n as varchar) as ticket_id,
    case
        when draw(n, 2) < 0.45 then 'email' when draw(n, 2) < 0.6 then 'web' when draw(n, 2) < 0.85 then 'chat'
        when draw(n, 2) < 0.95 then 'phone' else 'social'
    end as channel,
    case when draw(n, 3) < 0.96 then 'inbound' else 'outbound' end as direction,
    first_instant() + to_seconds(
        86400 * floor(date_diff('day', first_instant(), last_instant()) * (0.7 * share + 0.3 * sqrt(share)))
        + 3600 * floor(24 * (draw(n, 25) + draw(n, 26) + draw(n, 27)) / 3) + floor(3600 * draw(n, 28))
    ) as created_at,
    case when draw(n, 4) < 0.95 then somebody(n, 5, created_at, $customers) end as customer_key,
    case when draw(n, 7) < 0.9 then concat('category ', pick(n, 8, 40)) end as category,
    case when draw(n, 10) < 0.8 then concat('product ', pick(n, 11, 20)) end as product,
    case when draw(n, 13) < 0.9 then ['normal', 'low', 'high', 'urgent'][1 + pick(n, 14, 4)] end as priority,
    concat('team ', pick(n, 16, 20)) as team,
    concat('brand ', pick(n, 18, 3)) as brand,
    key_of('agent', pick(n, 20, 300)) as agent_key,
    ['us', 'korea', 'london', 'always', null][1 + pick(n, 22, 5)] as schedule_id,
    least(1 + cast(floor(-1.3 * ln(1.0 - draw(n, 29))) as bigint), 9) as rounds,
    draw(n, 30) < 0.3 as has_bot,
    draw(n, 31) < 0.93 as is_solved,
    draw(n, 32) < 0.08 as is_reopened,
    draw(n, 33) < 0.35 as is_asked,
    draw(n, 34) < 0.6 as is_closed,
    draw(n, 35) < 0.03 as is_bare,
    case when draw(n, 36) < 0.02 and n > 1000 then cast(100000000 + n - 1 - pick(n, 37, 1000) as varchar) end
        as parent_ticket_id,
    case when draw(n, 39) < 0.01 then 'merged' when draw(n, 39) < 0.015 then 'spam' end as excluded_status,
    draw(n, 40) < 0.002 as is_test,
    draw(n, 41) < 0.002 as is_deleted,
    draw(n, 42) < 0.002 as is_without_row,
    draw(n, 43) < 0.001 as is_date_only
from (select n, (n + draw(n, 24)) / $tickets as share from range($tickets) as numbers(n));

-- What happens on a ticket, step after step: `place` orders it, `gap` is the seconds since the step before.
-- `k` numbers a round of a ticket for its draws.
create table steps as
with rounds as (
    select *, n * 16 + r as k, channel = 'chat' as is_chat, r = rounds - 1 as is_last
    from (select *, unnest(range(rounds * case when channel = 'chat' then 2 else 1 end)) as r from drawn)
    where not is_bare
), solved as (
    select * from drawn where is_solved and not is_bare
)
select n, 0 as place, 0.0 as gap, 'created' as event_type,
    case when direction = 'inbound' then 'customer' else 'agent' end as actor_role,
    cast(null as varchar) as agent_key, cast(null as varchar) as value, cast(null as varchar) as session_id,
    cast(null as double) as wait_seconds, cast(null as double) as duration_seconds
from drawn where not is_bare
union all
select n, 1, wait(n, 101, 8), 'reply', 'bot', null, null, null, null, null from drawn where has_bot and not is_bare
union all
select n, 2, wait(n, 102, 20), 'handover', 'bot', null, null, null, null, null
from drawn where has_bot and not is_bare and draw(n, 103) < 0.8
union all
select n, 3, wait(n, 104, 900), 'assignment', 'system', agent_key, null, null, null, null from drawn where not is_bare
union all
select n, 4, wait(n, 105, 600), 'team', 'agent', agent_key, concat('team ', pick(n, 106, 20)), null, null, null
from drawn where not is_bare and draw(n, 108) < 0.15
union all
select n, 5, 2, 'assignment', 'agent', key_of('agent', pick(n, 109, 300)), null, null, null, null
from drawn where not is_bare and draw(n, 108) < 0.2
union all
select n, 6, wait(n, 111, 300), 'priority', 'agent', agent_key,
    ['normal', 'low', 'high', 'urgent'][1 + pick(n, 112, 4)], null, null, null
from drawn where not is_bare and draw(n, 114) < 0.08
union all
select n, 7, wait(n, 115, 300), 'category', 'agent', agent_key, concat('category ', pick(n, 116, 40)), null, null, null
from drawn where not is_bare and draw(n, 118) < 0.03
union all
select n, 8, wait(n, 119, 300), 'schedule', 'system', null, ['us', 'korea', 'london', 'always'][1 + pick(n, 120, 4)],
    null, null, null
from drawn where not is_bare and draw(n, 122) < 0.02
union all
select n, 9, wait(n, 123, 60), 'call', 'customer', case when draw(n, 124) < 0.85 then agent_key end, null, null,
    wait(n, 125, 40), wait(n, 126, 300)
from drawn where not is_bare and channel = 'phone'
union all
select n, 20 + 10 * r, wait(k, 130, case when is_chat then 60 else 9000 end), 'reply', 'agent', agent_key, null,
    case when is_chat and draw(n, 131) < 0.5 then concat('s', n) end, null, null
from rounds
union all
select n, 21 + 10 * r, 0, 'status', 'agent', agent_key, case when draw(k, 132) < 0.85 then 'pending' else 'on_hold' end,
    null, null, null
from rounds where not is_last and not is_chat
union all
select n, 22 + 10 * r, wait(k, 133, case when is_chat then 45 else 40000 end), 'reply', 'customer', null, null,
    case when is_chat and draw(n, 131) < 0.5 then concat('s', n) end, null, null
from rounds where not is_last
union all
select n, 23 + 10 * r, 0, 'status', 'system', null, 'open', null, null, null from rounds where not is_last and not is_chat
union all
select n, 24 + 10 * r, wait(k, 134, 1200), 'reply', 'customer', null, null, null, null, null
from rounds where not is_last and not is_chat and draw(k, 135) < 0.15
union all
select n, 25 + 10 * r, wait(k, 136, 3000), 'note', 'agent', agent_key, null, null, null, null
from rounds where not is_chat and draw(k, 137) < 0.35
union all
select n, 1000, 0, 'status', case when draw(n, 140) < 0.9 then 'agent' when draw(n, 140) < 0.95 then 'customer' else 'bot' end,
    case when draw(n, 140) < 0.9 then agent_key end, 'solved', null, null, null
from solved
union all
select n, 1001, wait(n, 141, 3600), 'satisfaction_offered', 'system', null, null, null, null, null
from solved where is_asked
union all
select n, 1002, wait(n, 142, 30000), 'satisfaction', 'customer', null,
    case when draw(n, 143) < 0.8 then 'good' else 'bad' end, null, null, null
from solved where is_asked and draw(n, 144) < 0.4
union all
select n, 1003, wait(n, 145, 100000), 'satisfaction', 'customer', null, 'bad', null, null, null
from solved where is_asked and draw(n, 144) < 0.04
union all
select n, 1100, wait(n, 146, 150000), 'reply', 'customer', null, null, null, null, null from solved where is_reopened
union all
select n, 1101, 0, 'status', 'system', null, 'open', null, null, null from solved where is_reopened
union all
select n, 1102, wait(n, 147, 20000), 'reply', 'agent', agent_key, null, null, null, null from solved where is_reopened
union all
select n, 1103, 0, 'status', 'agent', agent_key, 'solved', null, null, null
from solved where is_reopened and draw(n, 148) < 0.9
union all
select n, 1200, 345600, 'status', 'system', null, 'closed', null, null, null from solved where is_closed;

-- The steps with their instants; what lies beyond the last day has not happened yet.
create table happened as
select * from (
    select steps.*, drawn.source, drawn.ticket_id,
        drawn.created_at + to_seconds(sum(steps.gap) over (
            partition by steps.n order by steps.place rows between unbounded preceding and current row
        )) as occurred_at
    from steps inner join drawn using (n)
) where occurred_at < last_instant();

-- Versions of a ticket's row: as opened, after it was assigned, and as it is now.
create table landed_tickets as
with ends as (
    select n, max(occurred_at) as last_at, max_by(value, occurred_at) filter (where event_type = 'status') as last_status
    from happened group by n
), versions as (
    select *, created_at as landed_at, 'new' as status, cast(null as varchar) as assignee from drawn
    where draw(n, 210) < 0.5
    union all
    select *, created_at + interval 40 minute, 'open', agent_key from drawn where draw(n, 211) < 0.3
    union all
    select drawn.*,
        greatest(coalesce(ends.last_at, drawn.created_at + interval 5 day), drawn.created_at + interval 1 hour),
        coalesce(drawn.excluded_status, ends.last_status, case when drawn.is_solved then 'solved' else 'open' end),
        drawn.agent_key
    from drawn left join ends using (n)
)
select
    source, batch_of(landed_at, 1) as batch_sequence, ticket_id, customer_key, channel, direction, category, product, priority, status,
    team, assignee as agent_key, schedule_id, 'A subject line of some length' as subject, 'en' as language,
    parent_ticket_id, created_at,
    case when is_bare then created_at + to_seconds(wait(n, 212, 9000)) end as first_responded_at,
    case when is_bare and status = 'solved' then created_at + to_seconds(9000 + wait(n, 213, 90000)) end as resolved_at,
    landed_at as updated_at, is_deleted, is_test, brand, case when is_date_only then 'created_at' end as date_only, landed_at
from versions
where landed_at < last_instant() and not is_without_row;

-- Rows as they land: one event in a hundred comes twice under its id, one in a hundred under a new one.
create table landed_ticket_events as
with copies as (
    select *, cast(n * 2048 + place as varchar) as event_id, occurred_at as landed_at from happened
    union all
    select *, cast(n * 2048 + place as varchar) as event_id, occurred_at + interval 3 day from happened
    where draw(n * 2048 + place, 200) < 0.01
    union all
    select *, concat('r', n * 2048 + place) as event_id, occurred_at + interval 1 day from happened
    where draw(n * 2048 + place, 201) < 0.01
)
select
    source, batch_of(landed_at, 2) as batch_sequence, event_id, ticket_id, occurred_at, event_type, actor_role, agent_key, value,
    session_id, wait_seconds, duration_seconds,
    case when event_type in ('reply', 'call') then true when event_type = 'note' then false end as is_public,
    false as is_deleted, false as is_test, landed_at
from copies;
