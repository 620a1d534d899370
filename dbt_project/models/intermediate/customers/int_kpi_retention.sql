-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family `retention`: who stays,
-- comes back and buys again, and what they are worth. The counts beside the retention rate (customers_start, …_lost,
-- …_new, …_new_already_gone, …_reactivated, …_end) are KPIs of their own, without a test or a denominator: end = start - lost + new + reactivated.
{%- set counts = [
    'customers_start', 'customers_lost', 'customers_new', 'customers_new_already_gone', 'customers_reactivated',
    'customers_end',
] %}
{%- set people = counts + [
    'customers_seen', 'customers_retained', 'buyers', 'repeat_buyers', 'late_buyers', 'late_repeat_buyers',
    'live_customers', 'mrr_customers', 'margined_customers', 'costed_customers',
] %}
{%- set amounts = [
    'live_revenue_amount', 'live_revenue_squared', 'live_margin_amount', 'live_margined_revenue_amount',
    'mrr_start_amount', 'mrr_end_amount', 'mrr_kept_amount', 'margin_amount', 'margin_squared',
    'costed_margin_amount', 'acquisition_cost_amount',
] %}

with cells as (

    select * from {{ ref('int_customer_cells') }}

),

order_returns as (

    select *
    from {{ ref('int_customer_return_cells') }}
    where activity = 'order'

),

visit_returns as (

    select *
    from {{ ref('int_customer_return_cells') }}
    where activity = 'visit'

),

grouped_customers as (

    {{ grouped_cells('cells', customer_dimensions(), people + amounts, weight='customers_seen') }}

),

customers as (

    select
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        {%- for column in people %}
        cast({{ column }} as bigint) as {{ column }},
        {%- endfor %}
        {%- for column in amounts %}
        cast({{ column }} as double) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from grouped_customers

),

-- Live or not is asked at both ends of a period; all time has no start.
period_customers as (

    select *
    from customers
    where grain <> 'all'

),

grouped_buyers as (

    {{ grouped_cells(
        'order_returns', customer_dimensions(), ['respondents', 'returning_customers'], weight='respondents'
    ) }}

),

grouped_visitors as (

    {{ grouped_cells(
        'visit_returns', customer_dimensions(), ['respondents', 'returning_customers'], weight='respondents'
    ) }}

),

{%- set arpu = 'live_revenue_amount / nullif(live_customers, 0)' %}
{%- set margin_share = 'live_margin_amount / nullif(live_margined_revenue_amount, 0)' %}
{%- set churn = 'cast(customers_lost as double) / nullif(customers_start, 0)' %}

{%- set period_kpis = [
    rate_kpi('retention_rate', 'customers_retained', 'customers_start'),
    rate_kpi('churn_rate', 'customers_lost', 'customers_start'),
    mean_kpi('arpu', 'live_revenue_amount', 'live_revenue_squared', 'live_customers'),
    {
        'kpi': 'grr', 'n': 'mrr_customers', 'numerator': 'mrr_kept_amount', 'denominator': 'mrr_start_amount',
        'value': '100.0 * mrr_kept_amount / nullif(mrr_start_amount, 0)', 'where': 'mrr_start_amount > 0',
    },
    {
        'kpi': 'nrr', 'n': 'mrr_customers', 'numerator': 'mrr_end_amount', 'denominator': 'mrr_start_amount',
        'value': '100.0 * mrr_end_amount / nullif(mrr_start_amount, 0)', 'where': 'mrr_start_amount > 0',
    },
    {
        'kpi': 'clv_expected_12m', 'n': 'customers_start',
        'numerator': arpu ~ ' * ' ~ margin_share, 'denominator': churn,
        'value': arpu ~ ' * ' ~ margin_share ~ ' / nullif(' ~ churn ~ ', 0)',
        'where': 'live_margined_revenue_amount <> 0',
    },
] %}

{#- A count is published however small the group is. #}
{%- for count in counts %}
{%- do period_kpis.append({
    'kpi': count, 'n': 'customers_seen', 'is_few': 'false',
    'numerator': count, 'value': count,
}) %}
{%- endfor %}

{%- set cumulative_kpis = [
    rate_kpi('repeat_purchase_rate', 'late_repeat_buyers', 'late_buyers'),
    rate_kpi('repeat_purchase_lifetime_rate', 'repeat_buyers', 'buyers'),
    mean_kpi('clv_historical', 'margin_amount', 'margin_squared', 'margined_customers'),
    {
        'kpi': 'clv_cac_ratio', 'n': 'costed_customers',
        'numerator': 'costed_margin_amount', 'denominator': 'acquisition_cost_amount',
        'value': 'costed_margin_amount / nullif(acquisition_cost_amount, 0)',
    },
] %}

{%- set is_few = 'respondents < ' ~ var('min_n') %}

final as (

    {{ family_kpis('retention', {
        'period_customers': of_customers(period_kpis),
        'customers': of_customers(cumulative_kpis),
        'grouped_buyers': [
            rate_kpi('returning_customer_rate', 'returning_customers', 'respondents', is_few),
        ],
        'grouped_visitors': [
            rate_kpi('revisit_rate', 'returning_customers', 'respondents', is_few),
        ],
    }) }}

)

select * from final
