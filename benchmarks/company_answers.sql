-- What the company's customers bought, did and answered, drawn with the macros of company.sql: one statement after the
-- other. Makes landed_feedback, landed_transactions and landed_touchpoints: the columns of the contract that are not
-- null, and `landed_at`, when the source last touched the row.

-- Renewals of contracts, month by month or year by year, with gaps; orders of everybody else, wait after wait.
create table purchase as
with contracts as (
    select
        *, draw(n, 300) < 0.15 as is_yearly, date_trunc('day', signed_up_at) as began_at,
        unnest(range(1 + cast(floor(least(-20 * ln(1.0 - draw(n, 301)), 36) / case when draw(n, 300) < 0.15 then 12 else 1 end) as bigint)))
            as i
    from customer where is_contractual and draw(n, 302) < 0.95
), renewals as (
    select
        n * 128 + i as k, n, customer_key, 'renewal' as kind, 'billing' as source, currency,
        began_at + to_months(cast(i * case when is_yearly then 12 else 1 end as integer)) as service_start,
        began_at + to_months(cast((i + 1) * case when is_yearly then 12 else 1 end as integer))
        - case when draw(n, 303) < 0.2 then interval 1 second else interval 0 second end as service_end,
        round((10 + 190 * draw(n, 304)) * case when is_yearly then 11 else 1 end
            * case when draw(n, 305) < 0.3 and i >= 12 then 1.2 when draw(n, 305) > 0.9 and i >= 6 then 0.7 else 1 end, 2) as amount,
        began_at + to_months(cast(i * case when is_yearly then 12 else 1 end as integer)) - to_seconds(wait(n * 128 + i, 306, 40000))
            as occurred_at
    from contracts
    where draw(n * 128 + i, 307) < 0.97
), buyers as (
    select *, unnest(range(1 + cast(least(floor(-11 * ln(1.0 - draw(n, 308))), 90) as bigint))) as i
    from customer where not is_contractual and draw(n, 309) < 0.96
), orders as (
    select
        n * 128 + i as k, n, customer_key, 'order' as kind, 'shop' as source, currency, null as service_start, null as service_end,
        round(5 + wait(n * 128 + i, 310, 60) + draw(n * 128 + i, 311), 2) as amount,
        signed_up_at + to_seconds(sum(case when i = 0 then wait(n, 312, 86400) else wait(n * 128 + i, 313, 4500000) end) over (
            partition by n order by i
        )) as occurred_at
    from buyers
)
select *, case when source = 'shop' then ['web', 'app', 'store', 'phone'][1 + pick(k, 314, 4)] else 'web' end as channel,
    concat('product ', pick(k, 316, 20)) as product
from (select * from renewals union all select * from orders)
where occurred_at >= first_instant() and occurred_at < last_instant();

-- What was paid back, in whole or in part; cancellations cost nothing.
create table payment as
select concat(left(source, 1), k) as transaction_id, cast(null as varchar) as parent_transaction_id, * from purchase
union all
select concat('r', k), concat(left(source, 1), k), * replace (
    'refund' as kind, null as service_start, null as service_end,
    case when draw(k, 320) < 0.6 then -amount else -round(amount / 2, 2) end as amount,
    occurred_at + to_seconds(wait(k, 321, 500000)) as occurred_at
)
from purchase where draw(k, 322) < 0.06
union all
select concat('c', k), null, * replace (
    'cancellation' as kind, null as service_start, null as service_end, 0 as amount, occurred_at + interval 9 day as occurred_at
)
from purchase where kind = 'renewal' and draw(k, 323) < 0.01;

-- Rows as they land: some orders are corrected days later, a few taken away.
create table landed_transactions as
with versions as (
    select *, occurred_at as landed_at, false as is_deleted from payment
    union all
    select * replace (amount + 1 as amount), occurred_at + interval 3 day, false from payment where kind = 'order' and draw(k, 330) < 0.03
    union all
    select *, occurred_at + interval 20 day, true from payment where kind <> 'refund' and draw(k, 331) < 0.002
)
select
    source, batch_of(landed_at, 4) as batch_sequence, transaction_id, parent_transaction_id, customer_key, kind, amount,
    case when draw(n, 332) < 0.85 then round(amount * (0.2 + 0.3 * draw(k, 333)), 2) end as margin,
    currency, product, channel, occurred_at, service_start, service_end, landed_at as updated_at, is_deleted,
    draw(k, 334) < 0.001 as is_test, case when draw(k, 335) < 0.7 then concat('brand ', pick(k, 336, 3)) end as brand, landed_at
from versions
where landed_at < last_instant() and occurred_at < last_instant();

-- One row a form that was sent out or filled in: relationship surveys, surveys after a ticket, a delivery or a
-- visit, yearly ones with the three pillars, reviews, what employees expect, ideas.
create table form as
select
    n, kind, kind in ('review', 'idea', 'employee') as is_unasked,
    second_of(draw(n, 405)) + first_instant() as invited_at,
    case when kind = 'employee' then key_of('employee', pick(n, 401, 200)) when draw(n, 402) < 0.92
        then somebody(n, 403, invited_at, $customers) end as customer_key,
    case when draw(n, 406) < 0.02 then 'bounced' when draw(n, 406) < 0.03 then 'blocked' when draw(n, 406) < 0.5 then 'delivered' end
        as delivery_status,
    kind in ('review', 'idea', 'employee') or draw(n, 406) >= 0.03 and draw(n, 407) < 0.7 as is_answered,
    wait(n, 408, case when kind = 'relationship' then 400000 else 90000 end) as answered_after,
    case kind when 'support' then ['email', 'chat', 'web', 'phone'][1 + pick(n, 409, 4)] when 'visit' then 'web'
        else ['email', 'app', 'web', 'sms', 'store'][1 + pick(n, 409, 5)] end as channel,
    case when draw(n, 411) < 0.9 then concat('touchpoint ', pick(n, 412, 40)) end as touchpoint,
    case when kind = 'support' then 'support' when kind = 'delivery' then 'purchase'
        else ['use', 'onboarding', 'renewal', 'advocacy', 'consideration'][1 + pick(n, 414, 5)] end as journey_stage,
    case when kind in ('support', 'delivery') then concat('team ', pick(n, 416, 20)) end as team,
    case when kind = 'support' and draw(n, 418) < 0.9 then key_of('agent', pick(n, 419, 300)) end as agent_key,
    case when kind = 'support' then cast(
        100000000 + greatest(0, made_by(invited_at - to_seconds(wait(n, 421, 200000)), 4 * $customers) - 1) as bigint
    )::varchar end as ticket_id,
    case when draw(n, 423) < 0.85 then concat('product ', pick(n, 424, 20)) end as product,
    case when draw(n, 426) < 0.7 then concat('brand ', pick(n, 427, 3)) end as brand,
    case when draw(n, 429) < 0.5 then ['ko', 'en', 'ja', 'de'][1 + pick(n, 430, 4)] end as language
from (
    select n, case
        when draw(n, 400) < 0.3 then 'relationship' when draw(n, 400) < 0.36 then 'checkout' when draw(n, 400) < 0.62 then 'support'
        when draw(n, 400) < 0.78 then 'delivery' when draw(n, 400) < 0.82 then 'visit' when draw(n, 400) < 0.88 then 'yearly'
        when draw(n, 400) < 0.95 then 'review' when draw(n, 400) < 0.98 then 'employee' else 'idea' end as kind
    from range($forms) as numbers(n)
);

create table question as
select * from (values
    ('relationship', 1, 'nps_relationship', 'nps', 0, 10, 1.0), ('relationship', 2, 'nps_relationship', 'comment', null, null, 0.2),
    ('checkout', 1, 'nps_checkout', 'nps', 0, 10, 1.0), ('support', 1, 'csat_support', 'csat', 1, 5, 1.0),
    ('support', 2, 'ces_support', 'ces', 1, 7, 0.6), ('delivery', 1, 'csat_delivery', 'csat', 1, 7, 1.0),
    ('delivery', 2, 'ces_delivery', 'ces', 1, 5, 0.5), ('visit', 1, 'csat_visit', 'csat', 0, 10, 1.0),
    ('yearly', 1, 'pillars', 'useful', 1, 5, 1.0), ('yearly', 2, 'pillars', 'usable', 1, 5, 1.0),
    ('yearly', 3, 'pillars', 'enjoyable', 1, 5, 1.0), ('yearly', 4, 'csat_yearly', 'csat', 1, 5, 0.5),
    ('review', 1, null, 'rating', 1, 5, 0.8), ('review', 2, 'app_store', 'rating', 0, 10, 0.3),
    ('employee', 1, 'employee_csat', 'csat', 1, 5, 1.0), ('employee', 2, 'employee_nps', 'nps', 0, 10, 0.5),
    ('idea', 1, null, 'idea', null, null, 1.0)
) as questions(kind, place, survey_id, metric, lowest, highest, share);

-- Rows as they land: the invitation, the answer, sometimes another answer, and a few tombstones.
create table landed_feedback as
with asked as (
    select form.*, question.* exclude (kind), n * 8 + place as k
    from form inner join question using (kind) where draw(n * 8 + place, 440) < share
), versions as (
    select *, 0 as version, invited_at as landed_at, false as has_answer, false as is_deleted from asked
    where not is_unasked and (not is_answered or draw(n, 441) < 0.4)
    union all
    select *, 1, invited_at + to_seconds(answered_after), true, false from asked where is_answered
    union all
    select *, 2, invited_at + to_seconds(answered_after + 86400), true, false from asked where is_answered and draw(k, 442) < 0.04
    union all
    select *, 1, invited_at + to_seconds(answered_after + 864000), is_answered, true from asked where draw(k, 443) < 0.003
), answered as (
    select *, has_answer and metric not in ('comment', 'idea') and draw(k, 444) < 0.98 as has_score,
        has_answer and (metric in ('comment', 'idea') or draw(k, 445) < 0.25) as has_comment
    from versions where landed_at < last_instant()
)
select
    'survey_tool' as source, batch_of(landed_at, 3) as batch_sequence, cast(500000000 + k as varchar) as response_id,
    case when kind not in ('review', 'idea') then cast(300000000 + n as varchar) end as submission_id, survey_id,
    concat('q', place) as question_id, metric,
    case when has_score then lowest + floor((highest - lowest + 1) * pow(draw(k, 446 + version), 0.5)) end as score,
    case when survey_id in ('csat_visit', 'app_store') then lowest end as scale_min,
    case when survey_id in ('csat_visit', 'app_store') then highest end as scale_max,
    case when has_comment then concat('What a customer has to say, at some length: ', k) end as comment,
    language, customer_key, case when kind = 'employee' then 'employee' else 'customer' end as respondent_type, ticket_id, agent_key, team,
    product, channel, touchpoint, journey_stage, case when not is_unasked then invited_at end as invited_at,
    coalesce(delivery_status, 'delivered') as delivery_status,
    case when has_score or has_comment then invited_at + to_seconds(answered_after) end as responded_at,
    landed_at as updated_at, is_deleted, draw(n, 450) < 0.002 as is_test, brand, landed_at
from answered;

-- Visits of a few steps each, from a campaign or not; somebody is there at the end of the last day.
create table landed_touchpoints as
with visits as (
    select
        n, unnest(range(1 + cast(least(floor(-2 * ln(1.0 - draw(n, 500))), 15) as bigint))) as i,
        case when n = 0 then last_instant() - interval 2 hour else first_instant() + second_of(draw(n, 501)) end as began_at,
        case when draw(n, 502) < 0.7 then somebody(n, 503, began_at, $customers) end as customer_key
    from range($visits) as numbers(n)
), steps as (
    select *, n * 16 + i as k, began_at + to_seconds(120 * i) as landed_at from visits
)
select
    'web' as source, batch_of(landed_at, 5) as batch_sequence, cast(900000000 + k as varchar) as touchpoint_id, customer_key,
    cast(700000000 + n as varchar) as session_id, landed_at as occurred_at,
    ['web', 'app', 'bot', 'paid_search', 'email'][1 + pick(n, 505, 5)] as channel, concat('page ', pick(k, 507, 60)) as touchpoint,
    ['awareness', 'consideration', 'purchase', 'onboarding', 'use'][least(1 + i, 5)] as journey_stage,
    case when draw(k, 509) < 0.7 then 'success' when draw(k, 509) < 0.78 then 'failure' when draw(k, 509) < 0.85 then 'abandoned'
        when draw(k, 509) < 0.87 then 'escalated' else 'none' end as outcome,
    case when draw(n, 510) < 0.3 then concat('campaign ', pick(n, 511, 25)) end as campaign,
    case when draw(k, 513) < 0.5 then concat('product ', pick(k, 514, 20)) end as product, landed_at as updated_at,
    false as is_deleted, draw(n, 516) < 0.001 as is_test, landed_at
from steps
where landed_at < last_instant();
