-- Grain: grain (month, quarter, all) × period_start of the customers' cells: a digest of all they are made of, and the last build it
-- changed for. What is known of a customer is of a day (`facts`), and counts in the periods that end on that day or later.
{%- set facts = {
    'int_customer_lives': {'known_from_date': ['acquisition_cost_amount']},
    'int_customer_live_spans': {'live_from_date': [], 'live_to_date': []},
    'int_customer_order_days': {'order_date': ['order_day_number', 'previous_order_date']},
    'int_customer_money_days': {'transaction_date': [
        'revenue_amount', 'margin_amount', 'margined_revenue_amount', 'margin_amount_to_date',
        'margined_transactions_to_date', 'unmargined_transactions_to_date',
    ]},
    'int_customer_service_intervals': {
        'service_from_date': ['source', 'transaction_id', 'mrr_amount'],
        'service_to_date': ['source', 'transaction_id'],
    },
} %}

with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

{%- for model, dates in facts.items() %}
{%- for date_column, columns in dates.items() %}

{{ model }}_{{ date_column }} as (

    select
        customer_key,
        {{ (columns + [date_column]) | join(',\n        ') }}
    from {{ ref(model) }}

),
{%- endfor %}
{%- endfor %}

-- The first known values count for all time before them, but not before there is a customer.
described as (

    select
        history.customer_key,
        history.segment,
        history.country,
        history.language,
        history.acquisition_channel,
        history.brand,
        {{- attribute_columns('customers', 'history.attributes') }}
        history.valid_from,
        case
            when history.valid_from = {{ beginning_of_time() }} then lives.known_from_date
            else greatest({{ local_date('history.valid_from') }}, lives.known_from_date)
        end as described_date
    from {{ ref('int_customer_history') }} as history
    inner join {{ ref('int_customer_lives') }} as lives on history.customer_key = lives.customer_key

),

days as (

    {%- for model, dates in facts.items() %}
    {%- for date_column in dates %}
    select
        '{{ model }}.{{ date_column }}' as fact,
        {{ date_column }} as date_day,
        {{ rows_digest(model ~ '_' ~ date_column) }} as digest
    from {{ model }}_{{ date_column }}
    group by {{ date_column }}

    union all

    {%- endfor %}
    {%- endfor %}
    select
        'int_customer_history' as fact,
        described_date as date_day,
        {{ rows_digest('described') }} as digest
    from described
    group by described_date

),

reached as (

    select
        windows.grain,
        windows.period_start,
        windows.slot,
        windows.first_day,
        windows.last_day,
        windows.described_at,
        days.fact,
        days.date_day,
        days.digest
    from {{ ref('int_period_windows') }} as windows
    inner join days on windows.last_day >= days.date_day
    where windows.grain in ('month', 'quarter', 'all')

),

inputs as (

    select
        'customers' as input,
        grain,
        period_start,
        {{ rows_digest('reached') }} as digest
    from reached
    group by
        grain,
        period_start

),

final as (

    {{ changed_digests('inputs') }}

)

select * from final
