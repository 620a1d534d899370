-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family response_time.
{{ config(**kept_by_period('response_time')) }}

with durations {{ as_read_anew() }} (

    {{ units_of('response_time', 'durations') }}

),

solves {{ as_read_anew() }} (

    {{ units_of('response_time', 'solves') }}

),

promises {{ as_read_anew() }} (

    {{ units_of('response_time', 'promises') }}

),

duration_measures as (

    {{ grouped_spreads(
        'durations', 'event_date', ticket_dimensions(), ['calendar_minutes', 'business_minutes'], by=['metric'],
        percentiles_in=ref('int_ticket_duration_percentiles'), months=ref('int_ticket_duration_months'),
    ) }}

),

{%- set blocks = {} %}
{%- for metric in ticket_duration_metrics() %}
{%- do blocks.update({
    metric: spread_kpis(metric ~ '_calendar_minutes', 'calendar_minutes')
        + spread_kpis(metric ~ '_business_minutes', 'business_minutes'),
}) %}

{{ metric }} as (

    select * from duration_measures
    where metric = '{{ metric }}'

),
{%- endfor %}

{#- Rates: KPI -> whether a unit counts, whether it is a success. #}
{%- set solve_rates = {} %}
{%- for kpi, flag in {
    'fcr_rate': 'is_first_contact_resolved',
    'one_touch_rate': 'is_one_touch',
    'reopen_rate': 'is_reopened_or_followed_up',
    'self_served_rate': 'is_self_served',
    'bot_contained_rate': 'is_bot_contained',
}.items() %}
{%- do solve_rates.update({kpi: [flag ~ ' is not null', flag]}) %}
{%- endfor %}
{%- set promise_rates = {'sla_attainment_rate': ['true', "state = 'met'"]} %}
{%- for metric in sla_metrics() %}
{%- set of_metric = "metric = '" ~ metric ~ "'" %}
{%- do promise_rates.update({
    'sla_' ~ metric ~ '_attainment_rate': [of_metric, of_metric ~ " and state = 'met'"],
}) %}
{%- endfor %}
{%- for units, rates in {'solves': solve_rates, 'promises': promise_rates}.items() %}
{%- set counts = {} %}
{%- set few = {} %}
{%- set kpis = [] %}
{%- for kpi, (counts_in, succeeds) in rates.items() %}
{%- do few.update({kpi ~ '_is_few': counts_in}) %}
{%- do counts.update({kpi ~ '_successes': units_where(succeeds), kpi ~ '_trials': units_where(counts_in)}) %}
{%- do kpis.append(rate_kpi(kpi, kpi ~ '_successes', kpi ~ '_trials', kpi ~ '_is_few')) %}
{%- endfor %}
{%- do blocks.update({units ~ '_measures': kpis}) %}

{{ units }}_measures as (

    {{ grouped_measures(units, 'event_date', ticket_dimensions(), counts, few) }}

),
{%- endfor %}

final as (

    {{ family_kpis('response_time', blocks) }}

)

select * from final
