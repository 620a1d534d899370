-- One row per activity (order, visit), grain (week, month, quarter), period_start, slot and combination of the
-- customer dimensions: the customers active in the period, and those of them active before it.
with order_days as (

    select * from {{ ref('int_customer_order_days') }}

),

touchpoints as (

    select * from {{ ref('int_touchpoints') }}

),

period_days as (

    select *
    from {{ ref('int_period_days') }}
    where grain in ('week', 'month', 'quarter')

),

windows as (

    select * from {{ ref('int_period_windows') }}

),

history as (

    select * from {{ ref('int_customer_history') }}

),

activity_days as (

    select
        'order' as activity,
        customer_key,
        order_date as activity_date
    from order_days

    union all

    select distinct
        'visit' as activity,
        customer_key,
        {{ local_date('occurred_at') }} as activity_date
    from touchpoints
    where customer_key is not null

),

dated as (

    select
        activity,
        customer_key,
        activity_date,
        min(activity_date) over (partition by activity, customer_key) as first_activity_date
    from activity_days

),

active as (

    select distinct
        dated.activity,
        dated.customer_key,
        dated.first_activity_date,
        period_days.grain,
        period_days.period_start,
        period_days.slot
    from dated
    inner join period_days on dated.activity_date = period_days.date_day

),

described as (

    select
        active.activity,
        active.grain,
        active.period_start,
        active.slot,
        history.segment,
        history.country,
        history.language,
        history.acquisition_channel,
        history.brand,
        {{- attribute_columns('customers', 'history.attributes') }}
        case when active.first_activity_date < windows.first_day then 1 else 0 end as is_returning
    from active
    inner join windows
        on
            active.grain = windows.grain
            and active.period_start = windows.period_start
            and active.slot = windows.slot
    left join history on {{ in_force('history', 'active.customer_key', 'windows.described_at') }}

),

final as (

    select
        activity,
        grain,
        period_start,
        slot,
        {{ customer_dimensions() | join(',\n        ') }},
        count(*) as respondents,
        sum(is_returning) as returning_customers
    from described
    group by
        activity,
        grain,
        period_start,
        slot,
        {{ customer_dimensions() | join(',\n        ') }}

)

select * from final
