-- One row per experience, grain (month, quarter, all), period_start and customer_key: the customer's first
-- experience of the period, live that day and followed up in full, and whether the customer was live
-- churn_after_days later.
with experiences as (

    select * from {{ ref('int_experiences') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

live_spans as (

    select * from {{ ref('int_customer_live_spans') }}

),

order_days as (

    select * from {{ ref('int_customer_order_days') }}

),

period_days as (

    select *
    from {{ ref('int_period_days') }}
    where
        grain in ('month', 'quarter', 'all')
        and slot = 'current'

),

live_experiences as (

    select
        experiences.experience,
        experiences.customer_key,
        experiences.known_date,
        experiences.known_at,
        experiences.source,
        experiences.event_id,
        experiences.is_good,
        {{ add_days('experiences.known_date', var('churn_after_days')) }} as followed_up_date
    from experiences
    inner join live_spans
        on
            experiences.customer_key = live_spans.customer_key
            and experiences.known_date >= live_spans.live_from_date
            and experiences.known_date < live_spans.live_to_date

),

ranked as (

    select
        live_experiences.*,
        period_days.grain,
        period_days.period_start,
        row_number() over (
            partition by
                live_experiences.experience,
                live_experiences.customer_key,
                period_days.grain,
                period_days.period_start
            order by live_experiences.known_at, live_experiences.source, live_experiences.event_id
        ) as experience_number
    from live_experiences
    inner join period_days on live_experiences.known_date = period_days.date_day

),

indexed as (

    select ranked.*
    from ranked
    cross join as_of
    where
        ranked.experience_number = 1
        and ranked.followed_up_date <= as_of.as_of_date

),

-- Order days before the experience, the day itself left out.
earlier_orders as (

    select
        indexed.experience,
        indexed.customer_key,
        indexed.known_date,
        count(distinct order_days.order_date) as earlier_order_days
    from indexed
    inner join order_days
        on
            indexed.customer_key = order_days.customer_key
            and indexed.known_date > order_days.order_date
    group by indexed.experience, indexed.customer_key, indexed.known_date

),

followed_up as (

    select
        indexed.experience,
        indexed.grain,
        indexed.period_start,
        indexed.customer_key,
        indexed.known_date,
        indexed.is_good,
        max(case when live_spans.customer_key is not null then 1 else 0 end) as is_retained
    from indexed
    left join live_spans
        on
            indexed.customer_key = live_spans.customer_key
            and indexed.followed_up_date >= live_spans.live_from_date
            and indexed.followed_up_date < live_spans.live_to_date
    group by
        indexed.experience,
        indexed.grain,
        indexed.period_start,
        indexed.customer_key,
        indexed.known_date,
        indexed.is_good

),

final as (

    select
        followed_up.experience,
        followed_up.grain,
        followed_up.period_start,
        followed_up.customer_key,
        followed_up.known_date,
        followed_up.is_good,
        followed_up.is_retained,
        coalesce(earlier_orders.earlier_order_days, 0) as earlier_order_days,
        case
            when coalesce(earlier_orders.earlier_order_days, 0) = 0 then '0'
            when earlier_orders.earlier_order_days = 1 then '1'
            when earlier_orders.earlier_order_days <= 3 then '2-3'
            else '4+'
        end as earlier_orders
    from followed_up
    left join earlier_orders
        on
            followed_up.experience = earlier_orders.experience
            and followed_up.customer_key = earlier_orders.customer_key
            and followed_up.known_date = earlier_orders.known_date

)

select * from final
