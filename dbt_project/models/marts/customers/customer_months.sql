-- One row per month and combination of the customer dimensions: the counts and sums the customer KPIs of the month are
-- made of. A customer is in one row of a month, so that rows add up over dimensions, but not over months.
{%- set dimensions = ['segment', 'country', 'language', 'acquisition_channel', 'brand'] %}
{%- set counts = [
    'customers_start', 'customers_retained', 'customers_lost', 'customers_new', 'customers_new_already_gone',
    'customers_reactivated', 'customers_end', 'live_customers', 'mrr_customers', 'margined_customers',
    'late_buyers', 'late_repeat_buyers', 'lifetime_buyers', 'lifetime_repeat_buyers',
] %}
{%- set amounts = [
    'live_revenue_amount', 'live_margin_amount', 'live_margined_revenue_amount', 'mrr_start_amount',
    'mrr_kept_amount', 'mrr_end_amount', 'margin_amount', 'costed_margin_amount', 'acquisition_cost_amount',
] %}
{%- set returns = {'buyers': 'order', 'visitors': 'visit'} %}

with cells as (

    select
        *,
        buyers as lifetime_buyers,
        repeat_buyers as lifetime_repeat_buyers
    from {{ ref('int_customer_cells') }}
    where
        grain = 'month'
        and slot = 'current'

),

return_cells as (

    select * from {{ ref('int_customer_return_cells') }}
    where
        grain = 'month'
        and slot = 'current'

),

parts as (

    select
        period_start,
        {{ dimensions | join(',\n        ') }},
        {%- for name in counts + amounts %}
        {{ name }},
        {%- endfor %}
        {%- for people in returns %}
        0 as {{ people }},
        0 as returning_{{ people }}{{ ',' if not loop.last }}
        {%- endfor %}
    from cells

    union all

    select
        period_start,
        {{ dimensions | join(',\n        ') }},
        {%- for name in counts + amounts %}
        0 as {{ name }},
        {%- endfor %}
        {%- for people, activity in returns.items() %}
        case when activity = '{{ activity }}' then respondents else 0 end as {{ people }},
        case when activity = '{{ activity }}' then returning_customers else 0 end
            as returning_{{ people }}{{ ',' if not loop.last }}
        {%- endfor %}
    from return_cells

),

final as (

    select
        period_start as month_start_date,
        {{ dimensions | join(',\n        ') }},
        {%- for name in counts %}
        cast(sum({{ name }}) as bigint) as {{ name }},
        {%- endfor %}
        {%- for name in amounts %}
        cast(sum({{ name }}) as double) as {{ name }},
        {%- endfor %}
        {%- for people in returns %}
        cast(sum({{ people }}) as bigint) as {{ people }},
        cast(sum(returning_{{ people }}) as bigint) as returning_{{ people }}{{ ',' if not loop.last }}
        {%- endfor %}
    from parts
    group by
        period_start,
        {{ dimensions | join(',\n        ') }}

)

select * from final
order by month_start_date, {{ dimensions | join(', ') }}
