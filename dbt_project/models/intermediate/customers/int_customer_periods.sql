-- One row per customer_key, grain (month, quarter, all), period_start and slot, from the period in which the
-- customer is first known: what the customer was and did in it (flags as 0 and 1, money in the reporting
-- currency), and the values of the dimensions as the period began.
{{ config(materialized='view') }}

-- Customers and periods have numbers here: they are joined six times, and numbers are cheaper to hash than keys.
with windows as (

    select
        *,
        cast(row_number() over (order by grain, period_start, slot) as integer) as period_number
    from {{ ref('int_period_windows') }}
    where grain in ('month', 'quarter', 'all')

),

lives as (

    select
        *,
        cast(row_number() over (order by customer_key) as integer) as customer_number
    from {{ ref('int_customer_lives') }}

),

live_spans as (

    select
        lives.customer_number,
        spans.live_from_date,
        spans.live_to_date,
        min(spans.live_from_date) over (partition by lives.customer_number) as first_live_date
    from {{ ref('int_customer_live_spans') }} as spans
    inner join lives on spans.customer_key = lives.customer_key

),

order_days as (

    select
        days.*,
        lives.customer_number
    from {{ ref('int_customer_order_days') }} as days
    inner join lives on days.customer_key = lives.customer_key

),

money_days as (

    select
        days.*,
        lives.customer_number
    from {{ ref('int_customer_money_days') }} as days
    inner join lives on days.customer_key = lives.customer_key

),

service_intervals as (

    select
        intervals.*,
        lives.customer_number
    from {{ ref('int_customer_service_intervals') }} as intervals
    inner join lives on intervals.customer_key = lives.customer_key

),

history as (

    select
        history_rows.*,
        lives.customer_number
    from {{ ref('int_customer_history') }} as history_rows
    inner join lives on history_rows.customer_key = lives.customer_key

),

known as (

    select
        lives.customer_key,
        lives.customer_number,
        lives.acquisition_cost_amount,
        windows.grain,
        windows.period_start,
        windows.slot,
        windows.period_number,
        windows.described_at
    from lives
    inner join windows on lives.known_from_date <= windows.last_day

),

-- Live at the start is live on the day before the first day, so that one period ends as the next one starts;
-- a span whose end (exclusive) is the first day reached that day.
living as (

    select
        live_spans.customer_number,
        windows.period_number,
        max(case when live_spans.live_from_date < windows.first_day then 1 else 0 end) as is_live_at_start,
        max(case when live_spans.live_to_date > windows.last_day then 1 else 0 end) as is_live_at_end,
        max(case when live_spans.live_to_date > windows.first_day then 1 else 0 end) as is_live_in_period,
        max(case when live_spans.first_live_date >= windows.first_day then 1 else 0 end) as is_acquired
    from live_spans
    inner join windows
        on
            live_spans.live_from_date <= windows.last_day
            and live_spans.live_to_date >= windows.first_day
    group by live_spans.customer_number, windows.period_number

),

-- The latest order day of each customer as the period closes. Over all time nothing is too long ago.
ordering as (

    select
        order_days.customer_number,
        windows.period_number,
        case when order_days.order_day_number >= 2 then 1 else 0 end as has_repeated,
        case
            when
                windows.grain = 'all'
                or order_days.order_date > {{ add_days('windows.last_day', -365) }}
                then 1
            else 0
        end as has_ordered_lately,
        case
            when
                order_days.order_day_number >= 2
                and (
                    windows.grain = 'all'
                    or order_days.previous_order_date > {{ add_days('windows.last_day', -365) }}
                )
                then 1
            else 0
        end as has_repeated_lately
    from order_days
    inner join windows
        on
            order_days.order_date <= windows.last_day
            and coalesce(order_days.next_order_date, date '9999-12-31') > windows.last_day

),

margins as (

    select
        money_days.customer_number,
        windows.period_number,
        money_days.margin_amount_to_date,
        case when money_days.margined_transactions_to_date > 0 then 1 else 0 end as has_margin,
        case when money_days.unmargined_transactions_to_date = 0 then 1 else 0 end as is_margin_known
    from money_days
    inner join windows
        on
            money_days.transaction_date <= windows.last_day
            and coalesce(money_days.next_transaction_date, date '9999-12-31') > windows.last_day

),

spending as (

    select
        money_days.customer_number,
        windows.period_number,
        sum(money_days.revenue_amount) as revenue_amount,
        sum(money_days.margin_amount) as margin_amount,
        sum(money_days.margined_revenue_amount) as margined_revenue_amount
    from money_days
    inner join windows
        on
            money_days.transaction_date between windows.first_day and windows.last_day
            and windows.grain <> 'all'
    group by money_days.customer_number, windows.period_number

),

-- An interval in force whose amount has no rate makes the customer's recurring revenue unknown, not nil.
recurring as (

    select
        service_intervals.customer_number,
        windows.period_number,
        sum(case when service_intervals.service_from_date < windows.first_day then service_intervals.mrr_amount end)
            as mrr_start_amount,
        sum(case when service_intervals.service_to_date > windows.last_day then service_intervals.mrr_amount end)
            as mrr_end_amount,
        max(
            case
                when
                    service_intervals.mrr_amount is null
                    and (
                        service_intervals.service_from_date < windows.first_day
                        or service_intervals.service_to_date > windows.last_day
                    )
                    then 1
                else 0
            end
        ) as is_mrr_unknown
    from service_intervals
    inner join windows
        on
            service_intervals.service_from_date <= windows.last_day
            and service_intervals.service_to_date >= windows.first_day
            and windows.grain <> 'all'
    group by service_intervals.customer_number, windows.period_number

),

final as (

    select
        known.customer_key,
        known.grain,
        known.period_start,
        known.slot,
        history.segment,
        history.country,
        history.language,
        history.acquisition_channel,
        history.brand,
        {{- attribute_columns('customers', 'history.attributes') }}
        coalesce(living.is_live_at_start, 0) as is_live_at_start,
        coalesce(living.is_live_at_end, 0) as is_live_at_end,
        coalesce(living.is_live_in_period, 0) as is_live_in_period,
        coalesce(living.is_acquired, 0) as is_acquired,
        case when ordering.customer_number is null then 0 else 1 end as has_ordered,
        coalesce(ordering.has_repeated, 0) as has_repeated,
        coalesce(ordering.has_ordered_lately, 0) as has_ordered_lately,
        coalesce(ordering.has_repeated_lately, 0) as has_repeated_lately,
        coalesce(spending.revenue_amount, 0) as revenue_amount,
        coalesce(spending.margin_amount, 0) as margin_amount,
        coalesce(spending.margined_revenue_amount, 0) as margined_revenue_amount,
        coalesce(margins.has_margin, 0) as has_margin,
        coalesce(margins.is_margin_known, 1) as is_margin_known,
        coalesce(margins.margin_amount_to_date, 0) as margin_amount_to_date,
        known.acquisition_cost_amount,
        coalesce(recurring.mrr_start_amount, 0) as mrr_start_amount,
        coalesce(recurring.mrr_end_amount, 0) as mrr_end_amount,
        coalesce(recurring.is_mrr_unknown, 0) as is_mrr_unknown
    from known
    {%- for part in ['living', 'ordering', 'margins', 'spending', 'recurring'] %}
    left join {{ part }}
        on
            known.customer_number = {{ part }}.customer_number
            and known.period_number = {{ part }}.period_number
    {%- endfor %}
    left join history
        on
            known.customer_number = history.customer_number
            and known.described_at >= history.valid_from
            and known.described_at < history.valid_to

)

select * from final
