-- Grain: one base (customers or orders) × day × dimension × dimension_value: what contacts are held against. Customers
-- are those live on the day, described as it ended; orders those of the day. Every value has a row on every day.

with live_spans as (

    select * from {{ ref('int_customer_live_spans') }}

),

history as (

    select
        customer_key,
        segment,
        brand,
        {{ local_date('valid_from') }} as from_date,
        {{ local_date('valid_to') }} as to_date
    from {{ ref('int_customer_history') }}

),

transactions as (

    select * from {{ ref('int_transactions_enriched') }}
    where kind = 'order'

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

days as (

    select distinct date_day
    from {{ ref('int_period_days') }}

),

-- A live span is cut where the customer's attributes change.
described_spans as (

    select
        live_spans.customer_key,
        greatest(live_spans.live_from_date, coalesce(history.from_date, live_spans.live_from_date)) as from_date,
        least(live_spans.live_to_date, coalesce(history.to_date, live_spans.live_to_date)) as to_date,
        history.segment,
        history.brand
    from live_spans
    left join history
        on
            live_spans.customer_key = history.customer_key
            and live_spans.live_from_date < history.to_date
            and live_spans.live_to_date > history.from_date

),

changes as (

    {%- for column, sign in [('from_date', 1), ('to_date', -1)] %}
    select
        'customers' as base,
        greatest(described_spans.{{ column }}, as_of.first_event_date) as date_day,
        {{ sign }} as amount,
        described_spans.segment,
        described_spans.brand,
        cast(null as varchar) as product
    from described_spans
    cross join as_of
    where described_spans.from_date < described_spans.to_date

    union all
    {% endfor %}
    select
        'orders' as base,
        event_date as date_day,
        1 as amount,
        segment,
        brand,
        product
    from transactions

),

split as (

    {%- for dimension in ['all', 'segment', 'brand', 'product'] %}
    select
        base,
        '{{ dimension }}' as dimension,
        {{ "'all'" if dimension == 'all' else "coalesce(" ~ dimension ~ ", '(none)')" }} as dimension_value,
        date_day,
        sum(amount) as amount
    from changes
    {%- if dimension == 'product' %}
    where base = 'orders'
    {%- endif %}
    group by
        base,
        {%- if dimension != 'all' %}
        coalesce({{ dimension }}, '(none)'),
        {%- endif %}
        date_day
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

),

named as (

    select distinct
        base,
        dimension,
        dimension_value
    from split

),

final as (

    select
        named.base,
        named.dimension,
        named.dimension_value,
        days.date_day,
        case
            when named.base = 'orders' then coalesce(split.amount, 0)
            else sum(coalesce(split.amount, 0)) over (
                partition by named.base, named.dimension, named.dimension_value
                order by days.date_day
                rows between unbounded preceding and current row
            )
        end as amount
    from named
    cross join days
    left join split
        on
            named.base = split.base
            and named.dimension = split.dimension
            and named.dimension_value = split.dimension_value
            and days.date_day = split.date_day

)

select * from final
