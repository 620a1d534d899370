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

{%- set solves_rates = rate_measures({
    'fcr_rate': ['is_first_contact_resolved is not null', 'is_first_contact_resolved'],
    'one_touch_rate': ['is_one_touch is not null', 'is_one_touch'],
    'reopen_rate': ['is_reopened_or_followed_up is not null', 'is_reopened_or_followed_up'],
    'self_served_rate': ['is_self_served is not null', 'is_self_served'],
    'bot_contained_rate': ['is_bot_contained is not null', 'is_bot_contained'],
}) %}
{%- do blocks.update({'solves_measures': solves_rates.kpis}) %}

solves_measures as (

    {{ grouped_measures('solves', 'event_date', ticket_dimensions(), solves_rates.counts, solves_rates.few) }}

),

{%- set promises_rates = rate_measures(sla_attainment_rates()) %}
{%- do blocks.update({'promises_measures': promises_rates.kpis}) %}

promises_measures as (

    {{ grouped_measures(
        'promises', 'event_date', ticket_dimensions(), promises_rates.counts, promises_rates.few,
        months=ref('int_ticket_promise_months'),
    ) }}

),

final as (

    {{ family_kpis('response_time', blocks) }}

)

select * from final
