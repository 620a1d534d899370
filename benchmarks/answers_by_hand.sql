-- The survey KPIs and the customers' as one good engineer would write them straight on the landed Parquet, for DuckDB
-- alone: what the dbt models are measured against. It shares no code with them; the benchmark checks that the answers
-- are the same. `{landing}` and `{seeds}` are folders. Leaves the tables feedback_answers, transaction_answers,
-- cohort_answers and kpi_answers. Of the rules it knows those this company's rows can meet: one source tells of
-- customers, the questions of a form share its dimensions, days come with their time.

-- Rows: the latest of each key, and not what was deleted or is a test.

create temp table raw_feedback as
select * from read_parquet('{landing}/feedback/*/*/*.parquet', union_by_name = true)
anti join (
    select source, batch_sequence, position from read_parquet('{landing}/feedback/*/*/*.parquet', union_by_name = true)
    qualify row_number() over (
        partition by source, response_id order by updated_at desc nulls last, batch_sequence desc, position desc
    ) > 1
) using (source, batch_sequence, position);

create temp table raw_transaction as
select * from read_parquet('{landing}/transactions/*/*/*.parquet', union_by_name = true)
anti join (
    with repeated as (
        select hash(source, transaction_id) as id_hash from read_parquet('{landing}/transactions/*/*/*.parquet', union_by_name = true)
        group by id_hash having count(*) > 1
    )
    select source, batch_sequence, position from read_parquet('{landing}/transactions/*/*/*.parquet', union_by_name = true)
    where hash(source, transaction_id) in (select id_hash from repeated)
    qualify row_number() over (
        partition by source, transaction_id order by updated_at desc nulls last, batch_sequence desc, position desc
    ) > 1
) using (source, batch_sequence, position);

create temp table visit_step as
select source, touchpoint_id, customer_key, utc(occurred_at) as occurred_at, is_deleted or is_test as is_left_out
from read_parquet('{landing}/touchpoints/*/*/*.parquet', union_by_name = true)
anti join (
    with repeated as (
        select hash(source, touchpoint_id) as id_hash from read_parquet('{landing}/touchpoints/*/*/*.parquet', union_by_name = true)
        group by id_hash having count(*) > 1
    )
    select source, batch_sequence, position from read_parquet('{landing}/touchpoints/*/*/*.parquet', union_by_name = true)
    where hash(source, touchpoint_id) in (select id_hash from repeated)
    qualify row_number() over (
        partition by source, touchpoint_id order by updated_at desc nulls last, batch_sequence desc, position desc
    ) > 1
) using (source, batch_sequence, position);

create temp table span_of_data as
select local_day(min(first_at)) as first_day, local_day(max(last_at)) as day,
    timezone('UTC', timezone('Asia/Seoul', cast(local_day(max(last_at)) + 1 as timestamp))) as moment
from (
    select least(min(utc(invited_at)), min(utc(responded_at))) as first_at,
        greatest(max(utc(invited_at)), max(utc(responded_at))) as last_at
    from raw_feedback
    union all
    select min(utc(occurred_at)), max(utc(occurred_at)) from raw_transaction
    union all
    select min(occurred_at), max(occurred_at) from visit_step
);
create macro is_over(grain, period_start) as ends(grain, period_start) <= (select day + 1 from span_of_data);
-- What keeps its name is told by the months that have ended.
create macro is_of_ended_month(of_day) as of_day < month_of((select day + 1 from span_of_data));
create macro ended_or_open(ended, units) as if(ended > 0, {ended: ended, open: 0}, {ended: 0, open: units});

-- Customers: what was known of them, and from when.

create temp table raw_customer as
select * exclude (updated_at), utc(updated_at) as updated_at
from read_parquet('{landing}/customers/*/*/*.parquet', union_by_name = true)
qualify not is_deleted and not is_test and not last_value(is_deleted or is_test) over (
    partition by customer_key order by updated_at rows between unbounded preceding and unbounded following
);

create temp table history as
select
    customer_key, segment, country, language, acquisition_channel, brand,
    case when row_number() over in_order = 1 then timestamp '1900-01-01' else updated_at end as valid_from,
    coalesce(lead(updated_at) over in_order, timestamp '9999-12-31') as valid_to
from raw_customer
window in_order as (partition by customer_key order by updated_at);

-- Feedback, scored.

create table feedback_answers as
with survey as (
    select * from read_csv('{seeds}/surveys.csv', header = true, columns = {
        'survey_id': 'varchar', 'survey_type': 'varchar', 'metric': 'varchar', 'scale_min': 'double', 'scale_max': 'double',
        'direction': 'varchar', 'satisfied_from': 'double'})
), survey_type as (
    select survey_id, min(survey_type) as survey_type from survey group by survey_id
), scaled as (
    select
        answer.source, response_id, coalesce(submission_id, response_id) as submission_id, answer.survey_id, question_id, answer.metric,
        coalesce(survey.survey_type, survey_type.survey_type) as survey_type, respondent_type, answer.customer_key, ticket_id,
        transaction_id, agent_key, team, product, channel, touchpoint, journey_stage, score, comment, weight, delivery_status,
        utc(invited_at) as invited_at, utc(responded_at) as responded_at, answer.brand, answer.language,
        coalesce(answer.scale_min, survey.scale_min, case when answer.metric = 'nps' then 0 else 1 end) as scale_min,
        coalesce(answer.scale_max, survey.scale_max, case answer.metric when 'nps' then 10 when 'ces' then 7 else 5 end) as scale_max,
        coalesce(scale_direction, direction, case when answer.metric <> 'ces' then 'higher_is_better' end) as scale_direction,
        case when (answer.scale_min is null or answer.scale_min = survey.scale_min)
            and (answer.scale_max is null or answer.scale_max = survey.scale_max) then satisfied_from end as satisfied_from
    from raw_feedback as answer
    left join survey on answer.survey_id = survey.survey_id and answer.metric = survey.metric
    left join survey_type on answer.survey_id = survey_type.survey_id
    where not is_deleted and not is_test
), oriented as (
    select *, metric in ('comment', 'idea') as is_text, scale_max - scale_min as span,
        case scale_direction when 'higher_is_better' then score when 'lower_is_better' then scale_min + scale_max - score end
            as oriented_score
    from scaled
)
select
    source, response_id, submission_id, survey_id, question_id, metric, survey_type,
    case when metric = 'nps' then coalesce(survey_type = 'relational', true)
        when metric in ('csat', 'ces') then coalesce(survey_type = 'transactional', true) else true end as is_headline,
    respondent_type, answer.customer_key, ticket_id, transaction_id, agent_key, team, product, channel, touchpoint, journey_stage,
    segment, country, coalesce(answer.language, history.language) as language, acquisition_channel,
    coalesce(answer.brand, history.brand) as brand, score,
    case when not is_text then scale_min end as scale_min, case when not is_text then scale_max end as scale_max,
    scale_direction, satisfied_from, comment, weight,
    case when is_text then coalesce(trim(comment), '') <> '' else score is not null end as is_answered, oriented_score,
    (oriented_score - scale_min) / span as oriented_position,
    case when metric = 'nps' then
        case when oriented_score >= 9 then 'promoter' when oriented_score >= 7 then 'passive' when score is not null then 'detractor' end
    end as nps_class,
    case when metric = 'csat' then oriented_score >= coalesce(satisfied_from, case
        when span in (1, 2) then scale_max when span in (3, 4, 5, 6, 9, 10) then scale_max - 1 else scale_min + 0.75 * span end
    ) end as is_satisfied,
    not is_satisfied as is_dissatisfied, case when metric = 'ces' then 1 + 6 * (scale_max - oriented_score) / span end as effort_score,
    case when metric = 'ces' then 3 * (oriented_score - scale_min) >= 2 * span end as is_low_effort, invited_at,
    local_day(invited_at) as invited_date, delivery_status, responded_at, local_day(responded_at) as responded_date
from oriented as answer
left join history on answer.customer_key = history.customer_key and coalesce(responded_at, invited_at) >= history.valid_from
    and coalesce(responded_at, invited_at) < history.valid_to;
drop table raw_feedback;

-- Units: answers by what they are counted for, invitations and filled-in forms; `a` and `b` are counted, `x` is added.

create temp table unit as
with form as (
    select
        source, submission_id, min(case when delivery_status = 'delivered' then invited_date end) as invited_date,
        min(case when is_answered or coalesce(trim(comment), '') <> '' then responded_date end) as responded_date,
        bool_or(is_answered or coalesce(trim(comment), '') <> '') as is_answered, bool_or(coalesce(trim(comment), '') <> '') as has_comment,
        coalesce(bool_or(is_headline) filter (metric in ('nps', 'csat', 'ces')), true) as is_headline,
        arg_min(rowid, concat(coalesce(question_id, chr(1114111)), response_id)) as first_row
    from feedback_answers group by all
), told as (
    select form.* exclude (source, submission_id), question.* exclude (is_headline, invited_date, responded_date, is_answered)
    from form inner join (select *, rowid as row from feedback_answers) as question on form.first_row = question.row
    where respondent_type = 'customer'
)
select
    case when respondent_type = 'employee' then 'expected_' || metric else metric end as family, responded_date as day, is_headline,
    survey_id as survey, survey_type, channel, touchpoint, journey_stage, segment, country, language, acquisition_channel, team,
    agent_key as agent, product, brand,
    case metric when 'nps' then nps_class = 'promoter' when 'csat' then is_satisfied when 'ces' then is_low_effort end as a,
    nps_class = 'detractor' as b,
    case when metric = 'ces' then effort_score when metric = 'rating' then 1 + 4 * oriented_position
        when metric in ('useful', 'usable', 'enjoyable') then 100 * oriented_position end as x
from feedback_answers
where oriented_score is not null and (respondent_type = 'customer' or metric in ('nps', 'csat'))
union all
select 'invitation', invited_date, is_headline, survey_id, survey_type, channel, touchpoint, journey_stage, segment, country,
    language, acquisition_channel, team, agent_key, product, brand, is_answered, false, null
from told where invited_date is not null
union all
select 'form', responded_date, is_headline, survey_id, survey_type, channel, touchpoint, journey_stage, segment, country,
    language, acquisition_channel, team, agent_key, product, brand, has_comment, false, null
from told where responded_date is not null;

-- The three pillars of a form together: how they vary with one another, from the middle of the scale to lose no digits.
create temp table pillar_form as
select
    any_value(responded_date) as day, any_value(survey_id) as survey, any_value(survey_type) as survey_type, any_value(channel) as channel,
    any_value(touchpoint) as touchpoint, any_value(journey_stage) as journey_stage, any_value(segment) as segment,
    any_value(country) as country, any_value(language) as language, any_value(acquisition_channel) as acquisition_channel,
    any_value(team) as team, any_value(agent_key) as agent, any_value(product) as product, any_value(brand) as brand,
    coalesce(sum(100 * oriented_position - 50) filter (metric = 'useful'), 0) as u, count_if(metric = 'useful') as un,
    coalesce(sum(100 * oriented_position - 50) filter (metric = 'usable'), 0) as s, count_if(metric = 'usable') as sn,
    coalesce(sum(100 * oriented_position - 50) filter (metric = 'enjoyable'), 0) as e, count_if(metric = 'enjoyable') as en
from feedback_answers
where metric in ('useful', 'usable', 'enjoyable') and is_answered and respondent_type = 'customer'
group by source, submission_id;

create temp table cell (
    family varchar, dimension varchar, place varchar, grain varchar, period_start date, n bigint, a bigint, b bigint, x double, xx double
);
create temp table pillar_cell (
    dimension varchar, place varchar, grain varchar, period_start date, n bigint, u double, un double, s double, sn double, e double,
    en double, uu double, ss double, ee double, us double, ue double, se double, u_un double, u_sn double, u_en double, s_un double,
    s_sn double, s_en double, e_un double, e_sn double, e_en double, un_un double, sn_sn double, en_en double, un_sn double,
    un_en double, sn_en double
);

-- each survey dimension
insert into cell
with kept as (
    select family, {dimension} as value from unit where {dimension} is not null group by family, value
    qualify row_number() over (
        partition by family order by ended_or_open(count_if(is_of_ended_month(unit.day)), count(*)) desc, value
    ) <= 200
), daily as (
    select family, unit.day as on_day, {dimension} as value, count(*) as n, count_if(a) as a, count_if(b) as b, sum(x) as x,
        sum(x * x) as xx
    from unit where {counts} group by all
), placed as (
    select daily.*, {day} as day, week_of(on_day) as week, month_of(on_day) as month, quarter_of(on_day) as quarter,
        case when daily.value is null then '(none)' else coalesce(kept.value, '(other)') end as place
    from daily left join kept on daily.family = kept.family and daily.value = kept.value
)
select
    family, '{name}', place, grain_of(grouping(day), grouping(week), grouping(month), grouping(quarter)) as grain,
    case when grouping(day) = 0 then day else coalesce(week, month, quarter, date '1900-01-01') end as period_start,
    sum(n), sum(a), sum(b), sum(x), sum(xx)
from placed
group by grouping sets ((family, place, day), (family, place, week), (family, place, month), (family, place, quarter), (family, place))
having period_start is not null;

-- each survey dimension
insert into pillar_cell
with kept as (
    select {dimension} as value from pillar_form where {dimension} is not null
    group by value order by ended_or_open(count_if(is_of_ended_month(pillar_form.day)), count(*)) desc, value limit 200
), daily as (
    select pillar_form.day as on_day, {dimension} as value, count(*) as n, sum(u) as u, sum(un) as un, sum(s) as s, sum(sn) as sn,
        sum(e) as e, sum(en) as en, sum(u * u) as uu, sum(s * s) as ss, sum(e * e) as ee, sum(u * s) as us, sum(u * e) as ue,
        sum(s * e) as se, sum(u * un) as u_un, sum(u * sn) as u_sn, sum(u * en) as u_en, sum(s * un) as s_un, sum(s * sn) as s_sn,
        sum(s * en) as s_en, sum(e * un) as e_un, sum(e * sn) as e_sn, sum(e * en) as e_en, sum(un * un) as un_un,
        sum(sn * sn) as sn_sn, sum(en * en) as en_en, sum(un * sn) as un_sn, sum(un * en) as un_en, sum(sn * en) as sn_en
    from pillar_form group by all
), placed as (
    select daily.*, {day} as day, week_of(on_day) as week, month_of(on_day) as month, quarter_of(on_day) as quarter,
        case when daily.value is null then '(none)' else coalesce(kept.value, '(other)') end as place
    from daily left join kept on daily.value = kept.value
)
select
    '{name}', place, grain_of(grouping(day), grouping(week), grouping(month), grouping(quarter)) as grain,
    case when grouping(day) = 0 then day else coalesce(week, month, quarter, date '1900-01-01') end as period_start,
    sum(columns(* exclude (on_day, value, day, week, month, quarter, place)))
from placed
group by grouping sets ((place, day), (place, week), (place, month), (place, quarter), (place))
having period_start is not null;

create temp table index_cell as
with means as (
    select *, u / nullif(un, 0) as mu, s / nullif(sn, 0) as ms, e / nullif(en, 0) as me from pillar_cell
)
select
    dimension, place, grain, period_start, n, 50 + (mu + ms + me) / 3 as cx_index,
    -- the sum of squares of what each form adds to the deviation of the mean of three ratios
    n / nullif(n - 1, 0) * greatest((
        (uu - 2 * mu * u_un + mu * mu * un_un) / (un * un) + (ss - 2 * ms * s_sn + ms * ms * sn_sn) / (sn * sn)
        + (ee - 2 * me * e_en + me * me * en_en) / (en * en)
        + 2 * (us - ms * u_sn - mu * s_un + mu * ms * un_sn) / (un * sn)
        + 2 * (ue - me * u_en - mu * e_un + mu * me * un_en) / (un * en)
        + 2 * (se - me * s_en - ms * e_sn + ms * me * sn_en) / (sn * en)
    ) / 9, 0) as variance
from means where mu is not null and ms is not null and me is not null;

-- A survey's own mean makes sense on one scale read in one direction.
create temp table native_cell as
with kept as (
    select survey_id from feedback_answers where metric = 'ces' and effort_score is not null and respondent_type = 'customer'
        and survey_id is not null
    group by survey_id order by ended_or_open(count_if(is_of_ended_month(responded_date)), count(*)) desc, survey_id limit 200
), daily as (
    select survey_id, responded_date as day, count(*) as n, sum(score) as x, sum(score * score) as xx, min(scale_min) as least_min,
        max(scale_min) as greatest_min, min(scale_max) as least_max, max(scale_max) as greatest_max, min(scale_direction) as first_direction,
        max(scale_direction) as last_direction
    from feedback_answers inner join kept using (survey_id)
    where metric = 'ces' and effort_score is not null and respondent_type = 'customer'
    group by all
), placed as (
    select *, week_of(day) as week, month_of(day) as month, quarter_of(day) as quarter from daily
)
select
    'survey' as dimension, survey_id as place, grain_of(grouping(day), grouping(week), grouping(month), grouping(quarter)) as grain,
    case when grouping(day) = 0 then day else coalesce(week, month, quarter, date '1900-01-01') end as period_start,
    sum(n) as n, sum(x) as x, sum(xx) as xx, min(least_min) as lowest, max(greatest_max) as highest
from placed
group by grouping sets ((survey_id, day), (survey_id, week), (survey_id, month), (survey_id, quarter), (survey_id))
having min(least_min) = max(greatest_min) and min(least_max) = max(greatest_max) and min(first_direction) = max(last_direction);

create temp table gap_cell as
select
    c.family, dimension, place, grain, period_start, least(e.n, c.n) as n, e.n as en, e.a as ea, e.b as eb, c.n as cn, c.a as ca, c.b as cb
from cell as e inner join cell as c using (dimension, place, grain, period_start)
where e.family = 'expected_' || c.family;

-- Transactions, in the reporting currency.

create temp table rate as
select currency, date as valid_from, coalesce(lead(date) over (partition by currency order by date), date '9999-12-31') as valid_to, rate
from read_csv('{seeds}/fx_rates.csv', header = true, columns = {'date': 'date', 'currency': 'varchar', 'rate': 'double'})
union all
select 'USD', date '1900-01-01', date '9999-12-31', 1;

create table transaction_answers as
with kept as (
    select *, utc(occurred_at) as happened_at, local_day(utc(occurred_at)) as day from raw_transaction where not is_deleted and not is_test
), refund as (
    select source, parent_transaction_id as transaction_id, currency, round(sum(amount), 6) as refunded_amount
    from kept where kind in ('refund', 'cancellation') and parent_transaction_id is not null group by all
)
select
    kept.source, transaction_id, parent_transaction_id, kept.customer_key, kind, happened_at as occurred_at, day as occurred_date, channel, product,
    segment, country, history.language, acquisition_channel, coalesce(kept.brand, history.brand) as brand, kept.currency, amount, margin,
    rate is not null as has_fx_rate, amount * rate as reporting_amount, margin * rate as reporting_margin, refunded_amount,
    coalesce(kind in ('order', 'renewal') and amount > 0 and amount + refunded_amount < 0.005, false) as is_fully_refunded,
    utc(service_start) as service_start, utc(service_end) as service_end
from kept
left join refund using (source, transaction_id, currency)
left join rate on kept.currency = rate.currency and day >= rate.valid_from and day < rate.valid_to
left join history on kept.customer_key = history.customer_key and happened_at >= history.valid_from
    and happened_at < history.valid_to;
drop table raw_transaction;

-- Customers by number, and what each was like when: combinations of the dimensions have numbers too.

create temp table customer as
with trading as (
    select customer_key, min(occurred_date) as first_day, min(occurred_date) filter (kind in ('order', 'renewal')) as first_order_day
    from transaction_answers group by customer_key
), profile as (
    select customer_key, coalesce(relationship = 'contractual', false) as is_contractual, local_day(utc(signed_up_at)) as signed_up_day,
        local_day(utc(ended_at) + interval 1 minute) as ended_day, acquisition_cost, currency
    from raw_customer qualify row_number() over (partition by customer_key order by updated_at desc) = 1
), known as (
    select
        coalesce(profile.customer_key, trading.customer_key) as customer_key, coalesce(is_contractual, false) as is_contractual,
        signed_up_day, ended_day, first_day, first_order_day, acquisition_cost, currency,
        least(coalesce(signed_up_day, first_day), coalesce(first_day, signed_up_day)) as known_from
    from profile full join trading on profile.customer_key = trading.customer_key
)
select cast(row_number() over () as integer) as c, known.* exclude (acquisition_cost, currency), acquisition_cost * rate as cost
from known left join rate on known.currency = rate.currency
    and coalesce(signed_up_day, known_from) >= rate.valid_from and coalesce(signed_up_day, known_from) < rate.valid_to;

create temp table kind_of_customer as
select cast(row_number() over () as integer) as d, *
from (select distinct segment, country, language, acquisition_channel, brand from history);

create temp table described as
select customer_key, c, d, valid_from, valid_to
from history left join customer using (customer_key) inner join kind_of_customer as kind
    on history.segment is not distinct from kind.segment and history.country is not distinct from kind.country
    and history.language is not distinct from kind.language and history.brand is not distinct from kind.brand
    and history.acquisition_channel is not distinct from kind.acquisition_channel;

create temp table period as
with days as (
    select cast(unnest(generate_series(first_day, day, interval 1 day)) as date) as day from span_of_data
), begun as (
    select 'week' as grain, week_of(day) as period_start, max(day) as last_day from days group by all
    union all
    select 'month', month_of(day), max(day) from days group by all
    union all
    select 'quarter', quarter_of(day), max(day) from days group by all
    union all
    select 'all', date '1900-01-01', max(day) from days
)
select
    cast(row_number() over () as smallint) as p, *, case when grain = 'all' then (select first_day from span_of_data) else period_start end
        as first_day,
    case when grain = 'all' then (select moment from span_of_data)
        else timezone('UTC', timezone('Asia/Seoul', cast(period_start as timestamp))) end as described_at
from begun;

-- Who is a customer when: spans that overlap or touch are one.

create temp table purchase as
select c, is_contractual, occurred_date as day, local_day(service_start) as from_day,
    local_day(service_end + interval 1 minute) as to_day, reporting_amount
from transaction_answers inner join customer using (customer_key)
where kind in ('order', 'renewal') and amount > 0;

create temp table live as
with spans as (
    select c, from_day, to_day from purchase where is_contractual and from_day < to_day
    union all
    select c, signed_up_day, coalesce(ended_day, date '9999-12-31')
    from customer anti join (select c from purchase where is_contractual and from_day < to_day) using (c)
    where is_contractual and signed_up_day < coalesce(ended_day, date '9999-12-31')
    union all
    select distinct c, day, day + 90 from purchase where not is_contractual
), reached as (
    select *, max(to_day) over (
        partition by c order by from_day, to_day rows between unbounded preceding and 1 preceding
    ) as reached_day
    from spans
), islands as (
    select *, count_if(reached_day is null or from_day > reached_day) over (
        partition by c order by from_day, to_day rows between unbounded preceding and current row
    ) as island
    from reached
), live as (
    select c, min(from_day) as from_day, max(to_day) as to_day from islands group by c, island
)
select *, min(from_day) over (partition by c) as first_live from live;

create temp table money_day as
with days as (
    select c, occurred_date as day, sum(round(reporting_amount, 6)) as revenue, coalesce(sum(round(reporting_margin, 6)), 0) as margin,
        sum(round(reporting_amount, 6)) filter (reporting_margin is not null) as margined_revenue, count(reporting_margin) as margined,
        count_if(reporting_margin is null and coalesce(amount, 0) <> 0) as unmargined
    from transaction_answers inner join customer using (customer_key) group by all
)
select c, day, coalesce(revenue, 0) as revenue, margin, coalesce(margined_revenue, 0) as margined_revenue,
    lead(day, 1, date '9999-12-31') over in_order as next_day, sum(margin) over in_order as margin_to_date,
    sum(margined) over in_order as margined_to_date, sum(unmargined) over in_order as unmargined_to_date
from days
window in_order as (partition by c order by day);

create temp table order_day as
select c, day, lag(day) over in_order as last_day, lead(day, 1, date '9999-12-31') over in_order as next_day
from (
    select distinct c, occurred_date as day from transaction_answers inner join customer using (customer_key)
    where kind in ('order', 'renewal') and not is_fully_refunded
)
window in_order as (partition by c order by day);

-- Amounts a month: whole months, and the rest as a share of the month it lies in.
create temp table recurring as
with months as (
    select *, date_diff('month', month_of(from_day), month_of(to_day)) as upper from purchase where from_day < to_day
), whole as (
    select *, upper - case when from_day + to_months(upper::integer) > to_day then 1 else 0 end as months from months
), lengths as (
    select *, months + date_diff('day', (from_day + to_months(months::integer))::date, to_day)::double
        / date_diff('day', (from_day + to_months(months::integer))::date, (from_day + to_months(months::integer + 1))::date) as length
    from whole
)
select c, from_day, to_day, round(reporting_amount / length, 6) as mrr from lengths;

-- Sums by period and kind of customer.

create temp table customer_cell (
    p smallint, d integer, seen bigint, at_start bigint, at_end bigint, retained bigint, fresh bigint, gone bigint, back bigint,
    live bigint, revenue double, revenue_squared double, margin double, margined_revenue double, mrr_known bigint, mrr_start double,
    mrr_end double, mrr_kept double, buyers bigint, repeaters bigint, late_buyers bigint, late_repeaters bigint, margined bigint,
    lifetime_margin double, lifetime_margin_squared double, costed bigint, costed_margin double, cost double
);

insert into customer_cell by name
with living as (
    select
        live.c, p, described_at, max(from_day < first_day) as is_start, max(to_day > period.last_day) as is_end,
        max(to_day > first_day) as is_live, max(first_live >= first_day) as is_new
    from live inner join period on from_day <= period.last_day and to_day >= first_day
    where grain in ('month', 'quarter')
    group by all
), spent as (
    select c, p, sum(revenue) as revenue, sum(margin) as margin, sum(margined_revenue) as margined_revenue
    from money_day inner join period on day between first_day and period.last_day where grain in ('month', 'quarter') group by all
), paid as (
    select c, p, coalesce(sum(mrr) filter (from_day < first_day), 0) as mrr_start, coalesce(sum(mrr) filter (to_day > last_day), 0) as mrr_end,
        bool_or(mrr is null and (from_day < first_day or to_day > last_day)) as is_unknown
    from recurring inner join period on from_day <= last_day and to_day >= first_day where grain in ('month', 'quarter') group by all
), person as (
    select living.*, d, is_start and not coalesce(is_unknown, false) as has_mrr,
        case when is_live then coalesce(revenue, 0) end as revenue, case when is_live then margin end as margin,
        case when is_live then margined_revenue end as margined_revenue, coalesce(mrr_start, 0) as mrr_start, coalesce(mrr_end, 0) as mrr_end
    from living left join spent using (c, p) left join paid using (c, p)
    left join described on living.c = described.c and described_at >= valid_from and described_at < valid_to
)
select
    p, d, count_if(is_start or is_live) as seen, count_if(is_start) as at_start, count_if(is_end) as at_end,
    count_if(is_start and is_end) as retained, count_if(is_new and is_end) as fresh, count_if(is_new and not is_end) as gone,
    count_if(not is_start and not is_new and is_end) as back, count_if(is_live) as live, sum(revenue) as revenue,
    sum(revenue * revenue) as revenue_squared, sum(margin) as margin, sum(margined_revenue) as margined_revenue,
    count_if(has_mrr) as mrr_known, sum(mrr_start) filter (has_mrr) as mrr_start, sum(mrr_end) filter (has_mrr) as mrr_end,
    sum(least(mrr_start, mrr_end)) filter (has_mrr) as mrr_kept
from person group by all;

insert into customer_cell by name
select
    p, d, count(*) as buyers, count_if(order_day.last_day is not null) as repeaters,
    count_if(grain = 'all' or day > period.last_day - 365) as late_buyers,
    count_if(order_day.last_day is not null and (grain = 'all' or order_day.last_day > period.last_day - 365)) as late_repeaters
from order_day inner join customer using (c)
inner join period on day <= period.last_day and next_day > period.last_day and known_from <= period.last_day
left join described on order_day.c = described.c and described_at >= valid_from and described_at < valid_to
where grain <> 'week' group by all;

-- From when a customer is known until the first transaction there is no margin, and none unknown.
insert into customer_cell by name
with standing as (
    select customer.c, cost, known_from as day, coalesce(min(money_day.day), date '9999-12-31') as next_day, 0.0::double as margin_to_date,
        0 as margined_to_date, 0 as unmargined_to_date
    from customer left join money_day using (c) group by all
    having next_day > known_from
    union all
    select c, cost, day, next_day, margin_to_date, margined_to_date, unmargined_to_date from money_day inner join customer using (c)
)
select
    p, d, count_if(margined_to_date > 0 and unmargined_to_date = 0) as margined,
    sum(margin_to_date) filter (margined_to_date > 0 and unmargined_to_date = 0) as lifetime_margin,
    sum(margin_to_date * margin_to_date) filter (margined_to_date > 0 and unmargined_to_date = 0) as lifetime_margin_squared,
    count_if(cost is not null and unmargined_to_date = 0) as costed,
    sum(margin_to_date) filter (cost is not null and unmargined_to_date = 0) as costed_margin,
    sum(round(cost, 6)) filter (unmargined_to_date = 0) as cost
from standing inner join period on day <= last_day and next_day > last_day
left join described on standing.c = described.c and described_at >= valid_from and described_at < valid_to
where grain <> 'week' group by all;

create temp table return_cell as
with active as (
    select distinct 'order' as activity, customer_key, p, described_at, period.first_day, min(day) over (partition by c) as first_active
    from order_day inner join customer using (c) inner join period on day between period.first_day and period.last_day and grain <> 'all'
    union all
    select distinct 'visit', customer_key, p, described_at, first_day, min(day) over (partition by customer_key)
    from (select distinct customer_key, local_day(occurred_at) as day from visit_step where customer_key is not null and not is_left_out)
    inner join period on day between first_day and last_day and grain <> 'all'
)
select activity, p, d, count(*) as people, count_if(first_active < first_day) as returning_people
from active left join described
    on active.customer_key = described.customer_key and described_at >= valid_from and described_at < valid_to
group by all;

-- each set of people
create temp table {people} as
with told as (
    select grain, period_start, {cells}.*, kind.* exclude (d) from {cells} inner join period using (p)
    left join kind_of_customer as kind on {cells}.d = kind.d
)
select
    grain, period_start, case when grouping(segment) = 0 then 'segment' when grouping(country) = 0 then 'country'
        when grouping(language) = 0 then 'language' when grouping(acquisition_channel) = 0 then 'acquisition_channel'
        when grouping(brand) = 0 then 'brand' else 'all' end as dimension,
    case when dimension = 'all' then 'all' else coalesce(segment, country, language, acquisition_channel, brand, '(none)') end as place,
    {sums}
from told where {which}
group by grouping sets (
    (grain, period_start), (grain, period_start, segment), (grain, period_start, country), (grain, period_start, language),
    (grain, period_start, acquisition_channel), (grain, period_start, brand)
);

-- Cohorts: the month of the first order or of the sign-up, and who of them is there k months on.

create table cohort_answers as
with data_start as (
    select min(first_day) as day from customer
), cohort as (
    select c, is_contractual, month_of(begun) as cohort_month,
        case when is_contractual then begun < data_start.day when signed_up_day is not null then signed_up_day < data_start.day
            else begun < month_of(data_start.day) + interval 1 month end as is_left_truncated
    from (
        select customer.*, case when is_contractual then coalesce(signed_up_day, first_live) else first_order_day end as begun
        from customer left join (select distinct c, first_live from live) using (c)
    ), data_start
    where begun is not null
), active as (
    select cohort_month, month_of(occurred_date) as month_start, count(distinct c) as active_customers
    from transaction_answers inner join customer using (customer_key) inner join cohort using (c)
    where not cohort.is_contractual and kind in ('order', 'renewal') group by all
    union all
    select cohort_month, period_start, count(*) from cohort inner join live using (c)
    inner join period on from_day <= last_day and to_day > last_day and grain = 'month'
    where is_contractual group by all
), summed as (
    select cohort_month, month_start, sum(active_customers) as active_customers from active group by all
), size as (
    select cohort_month, count(*) as cohort_size, count_if(is_left_truncated) as left_truncated_customers from cohort group by all
), observed as (
    select size.*, period_start as month_start, is_over('month', period_start) as is_complete,
        coalesce(summed.active_customers, 0) as active_customers
    from size inner join period on grain = 'month' and size.cohort_month <= period_start
    left join summed on size.cohort_month = summed.cohort_month and period.period_start = summed.month_start
)
select
    cohort_month, date_diff('month', cohort_month, month_start)::integer as month_number, month_start, cohort_size, is_complete,
    cohort_size < 5 as is_suppressed,
    case when is_complete then observed.active_customers::bigint end as active_customers,
    case when is_complete and not is_suppressed then 100.0 * observed.active_customers / cohort_size end as retention_rate,
    case when is_complete and not is_suppressed then wilson(observed.active_customers, cohort_size, -1) end as ci_low,
    case when is_complete and not is_suppressed then wilson(observed.active_customers, cohort_size, 1) end as ci_high,
    cohort_size < 30 as is_small_sample, left_truncated_customers > 0 as is_left_truncated, left_truncated_customers
from observed;

-- The KPIs of each cell, beside those of the period before and of a year ago.

-- Half an answer at each end of a scale; a scale without ends adds none.
create macro t_bound(total, squares, n, df, sign) as
    total / n + sign * t_975(df) * sqrt(greatest(squares - total * total / n, 0) / df / n);
create macro scaled(total, squares, n, lo, hi, sign) as greatest(lo, least(hi, t_bound(
    total + (lo + hi) / 2.0, squares + (lo * lo + hi * hi) / 2.0, n + 1.0, n, sign)));
create macro nps_score(p, d, n) as (p - d) / (n + 3.0);
create macro nps_variance(p, d, n) as
    greatest((p + d + 1.5) / (n + 3.0) - nps_score(p, d, n) * nps_score(p, d, n), 0) / (n + 3.0);
create macro newcombe(a, n, b, m, sign) as 100.0 * a / n - 100.0 * b / m + sign * sqrt(
    pow(100.0 * a / n - wilson(a, n, sign), 2) + pow(100.0 * b / m - wilson(b, m, -sign), 2));

-- each cell
insert into kpi_answers
with told as (
    select grain, period_start, dimension, place, {kpis} as kpis from {cells} where {which}
), compared as (
    select now.grain, now.period_start, now.dimension, now.place, unnest(now.kpis) as this, unnest(last.kpis) as last,
        unnest(year_ago.kpis) as year_ago
    from told as now
    left join told as last on now.dimension = last.dimension and now.place = last.place and now.grain = last.grain
        and before(now.grain, now.period_start) = last.period_start and is_over(now.grain, now.period_start)
    left join told as year_ago on now.dimension = year_ago.dimension and now.place = year_ago.place and now.grain = year_ago.grain
        and a_year_before(now.grain, now.period_start) = year_ago.period_start and is_over(now.grain, now.period_start)
)
select
    this.kpi, grain, period_start, dimension, place, this.n, this.value, this.numerator, this.denominator, this.low, this.high,
    last.value, this.value - last.value, this.value - year_ago.value, this.n < 30
from compared where this.n > 0;
