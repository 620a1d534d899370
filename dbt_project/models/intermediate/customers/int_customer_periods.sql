-- One row per customer_key, grain (month, quarter, all), period_start and slot, from the period in which the
-- customer is first known: what the customer was and did in it (flags as 0 and 1, money in the reporting
-- currency), and the values of the dimensions as the period began.
{{ config(materialized='view') }}
{%- set flag, amount = 'integer', 'decimal(38, 6)' %}
{%- set parts = {
    'known': {'is_known': flag},
    'living': {
        'is_live_at_start': flag, 'is_live_at_end': flag, 'is_live_in_period': flag, 'is_acquired': flag,
    },
    'ordering': {
        'has_ordered': flag, 'has_repeated': flag, 'has_ordered_lately': flag, 'has_repeated_lately': flag,
    },
    'margins': {'has_margin': flag, 'is_margin_known': flag, 'margin_amount_to_date': amount},
    'spending': {'revenue_amount': amount, 'margin_amount': amount, 'margined_revenue_amount': amount},
    'recurring': {'mrr_start_amount': amount, 'mrr_end_amount': amount, 'is_mrr_unknown': flag},
} %}
{%- set columns = {} %}
{%- for own in parts.values() %}
{%- do columns.update(own) %}
{%- endfor %}

-- Customers and periods have numbers here, which are cheaper to hash than keys. Who asks for some numbers of periods has no
-- other computed.
with windows as (

    select * from {{ ref('int_period_windows') }}
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
        lives.customer_number,
        windows.period_number,
        1 as is_known
    from lives
    inner join windows on lives.known_from_date <= windows.last_day

),

-- Live at the start is live on the day before the first day, so that one period ends as the next one starts;
-- a span whose end (exclusive) is the first day reached that day.
living as (

    select
        live_spans.customer_number,
        windows.period_number,
        case when live_spans.live_from_date < windows.first_day then 1 else 0 end as is_live_at_start,
        case when live_spans.live_to_date > windows.last_day then 1 else 0 end as is_live_at_end,
        case when live_spans.live_to_date > windows.first_day then 1 else 0 end as is_live_in_period,
        case when live_spans.first_live_date >= windows.first_day then 1 else 0 end as is_acquired
    from live_spans
    inner join windows
        on
            live_spans.live_from_date <= windows.last_day
            and live_spans.live_to_date >= windows.first_day

),

-- The latest order day of each customer as the period closes. Over all time nothing is too long ago.
ordering as (

    select
        order_days.customer_number,
        windows.period_number,
        1 as has_ordered,
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
        money_days.revenue_amount,
        money_days.margin_amount,
        money_days.margined_revenue_amount
    from money_days
    inner join windows
        on
            money_days.transaction_date between windows.first_day and windows.last_day
            and windows.grain <> 'all'

),

-- An interval in force whose amount has no rate makes the customer's recurring revenue unknown, not nil.
recurring as (

    select
        service_intervals.customer_number,
        windows.period_number,
        case when service_intervals.service_from_date < windows.first_day then service_intervals.mrr_amount end
            as mrr_start_amount,
        case when service_intervals.service_to_date > windows.last_day then service_intervals.mrr_amount end
            as mrr_end_amount,
        case
            when
                service_intervals.mrr_amount is null
                and (
                    service_intervals.service_from_date < windows.first_day
                    or service_intervals.service_to_date > windows.last_day
                )
                then 1
            else 0
        end as is_mrr_unknown
    from service_intervals
    inner join windows
        on
            service_intervals.service_from_date <= windows.last_day
            and service_intervals.service_to_date >= windows.first_day
            and windows.grain <> 'all'

),

-- One grouping, which spills where it must, in place of a join a part: several joins in a row want all their tables at once.
parts as (

    {%- for part, own in parts.items() %}
    select
        customer_number,
        period_number,
        {%- for column, kind in columns.items() %}
        {{ column if column in own else 'cast(null as ' ~ kind ~ ')' }} as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ part }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

customers as (

    select
        customer_number,
        period_number,
        {%- for column, kind in columns.items() %}
        {{ 'max' if kind == 'integer' else 'sum' }}({{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from parts
    group by
        customer_number,
        period_number

),

final as (

    select
        lives.customer_key,
        windows.grain,
        windows.period_start,
        windows.slot,
        windows.period_number,
        history.segment,
        history.country,
        history.language,
        history.acquisition_channel,
        history.brand,
        {{- attribute_columns('customers', 'history.attributes') }}
        {%- for column in columns if column not in ['is_known', 'is_margin_known'] %}
        coalesce(customers.{{ column }}, 0) as {{ column }},
        {%- endfor %}
        coalesce(customers.is_margin_known, 1) as is_margin_known,
        lives.acquisition_cost_amount
    from customers
    inner join windows on customers.period_number = windows.period_number
    inner join lives on customers.customer_number = lives.customer_number
    left join history
        on
            customers.customer_number = history.customer_number
            and windows.described_at >= history.valid_from
            and windows.described_at < history.valid_to
    where customers.is_known = 1

)

select * from final
