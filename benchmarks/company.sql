-- What all rows of the company are drawn from, and its customers: one statement after the other.
-- Makes landed_customers: the columns of the contract that are not null, and `landed_at`, when the source last
-- touched the row.

create macro first_instant() as timestamptz '2023-10-15 00:00:00+00';
-- midnight in Seoul after the last day, one amid a week, a month and a quarter
create macro last_instant() as timestamptz '2026-10-14 15:00:00+00';
-- rows land in batches of about a quarter
create macro batch_of(landed_at, entity) as
    100 * (1 + date_diff('day', first_instant(), landed_at) // 92) + entity;

-- draw(n, salt) is uniform in [0, 1); waits are exponential, in seconds; ids have the length of real ones.
create macro draw(n, salt) as (hash(n * 4096 + salt) >> 11) / 9007199254740992.0;
create macro wait(n, salt, mean) as ceil(-mean * ln(1.0 - draw(n, salt)));
create macro pick(n, salt, choices) as cast(floor(choices * draw(n, salt) * sqrt(draw(n, salt + 1))) as bigint);
create macro key_of(kind, number) as sha256(concat(kind, number));
create macro second_of(share) as to_seconds(floor(share * date_diff('second', first_instant(), last_instant())));

-- How many have signed up, and how many tickets there are, by an instant: both come in the order of their numbers.
create macro seconds_to(instant) as date_diff('second', first_instant(), instant);
create macro known_by(instant, customers) as
    greatest(1, least(customers, floor(customers * (12960000 + seconds_to(instant)) / (0.97 * (12960000 + seconds_to(last_instant()))))));
create macro made_by(instant, tickets) as
    floor(tickets * pow((sqrt(0.09 + 2.8 * greatest(0, seconds_to(instant)) / seconds_to(last_instant())) - 0.3) / 1.4, 2));
-- Who asks or answers has signed up, but for one in a thousand, whose record comes later.
create macro somebody(n, salt, instant, customers) as
    key_of('customer', pick(n, salt, case when draw(n, 600) < 0.999 then known_by(instant, customers) else customers end));

-- One row a customer, in the order they sign up: three in ten have a contract; some were there before the data begin.
create table customer as
select
    n,
    key_of('customer', n) as customer_key,
    draw(n, 222) < 0.3 as is_contractual,
    first_instant() - interval 150 day
    + to_seconds(floor(
        (n + draw(n, 223)) / $customers * 0.97 * (12960000 + date_diff('second', first_instant(), last_instant()))
    )) as signed_up_at,
    ['USD', 'KRW', 'EUR', 'JPY', 'GBP'][1 + cast(floor(5 * pow(draw(n, 224), 2.5)) as bigint)] as currency
from range($customers) as numbers(n);

-- Versions of a customer's row; one in a hundred ends as a tombstone, and some customers have no row at all.
create table landed_customers as
with versions as (
    select
        *, n * 4 + version as k, greatest(signed_up_at, first_instant()) + to_days(cast(300 * version as integer)) as landed_at
    from customer, range(3) as versions(version)
    where draw(n, 225) < 0.95 and (version = 0 or draw(n * 4 + version, 221) < 0.15)
)
select
    'crm' as source, batch_of(landed_at, 0) as batch_sequence, customer_key,
    case when n % 3 = 0 then key_of('account', n // 30) end as account_key,
    case when is_contractual then 'contractual' when draw(n, 226) < 0.5 then 'non_contractual' end as relationship,
    signed_up_at,
    case when is_contractual and version > 0 and draw(n, 227) < 0.4 then landed_at end as ended_at,
    case when draw(k, 228) < 0.95 then ['smb', 'consumer', 'enterprise', 'public', 'partner'][1 + pick(k, 220, 5)] end as segment,
    ['KR', 'US', 'JP', 'GB', 'DE', 'FR', 'SG', 'VN'][1 + pick(n, 229, 8)] as country,
    ['ko', 'en', 'ja', 'de'][1 + pick(n, 231, 4)] as language,
    ['direct', 'organic_search', 'paid_search', 'social', 'referral', 'email', 'display', 'partner'][1 + pick(n, 233, 8)]
        as acquisition_channel,
    case when draw(n, 235) < 0.6 then round(5 + 195 * draw(n, 236), 2) end as acquisition_cost,
    case when draw(n, 235) < 0.6 then currency end as currency,
    concat('brand ', pick(n, 237, 3)) as brand, version > 0 and draw(k, 239) < 0.03 as is_deleted, draw(n, 240) < 0.002 as is_test,
    landed_at as updated_at, landed_at
from versions
where landed_at < last_instant();
