-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family response_time.
{%- set clocks = ['calendar'] %}
{%- set rates = {
    'fcr_rate': 'is_first_contact_resolved',
    'one_touch_rate': 'is_one_touch',
    'reopen_rate': 'is_reopened_or_followed_up',
    'self_served_rate': 'is_self_served',
    'bot_contained_rate': 'is_bot_contained',
} %}
{%- set keys = ['metric', 'grain', 'period_start', 'slot', 'dimension', 'dimension_value'] %}

with durations as (

    select * from {{ ref('int_ticket_durations') }}

),

solves as (

    select * from {{ ref('int_ticket_solves') }}

),

{%- set sums = {} %}
{%- set few = {} %}
{%- set columns = [] %}
{%- for clock in clocks %}
{%- set minutes = clock ~ '_minutes' %}
{%- set log_minutes = clock ~ '_log_minutes' %}
{%- do columns.append(minutes) %}
{%- do few.update({minutes ~ '_is_few': minutes ~ ' is not null'}) %}
{%- do sums.update({
    minutes ~ '_n': units_where(minutes ~ ' is not null'),
    minutes ~ '_sum': total_of(minutes),
    minutes ~ '_squares': total_of(minutes ~ ' * ' ~ minutes),
    log_minutes ~ '_sum': total_of(log_minutes),
    log_minutes ~ '_squares': total_of(log_minutes ~ ' * ' ~ log_minutes),
}) %}
{%- endfor %}

duration_sums as (

    {{ grouped_measures('durations', 'event_date', ticket_dimensions(), sums, few, by=['metric']) }}

),

duration_percentiles as (

    {{ grouped_percentiles(
        'durations', 'event_date', ticket_dimensions(), columns, [0.5, 0.9, 0.95], by=['metric']
    ) }}

),

duration_measures as (

    select
        duration_sums.*
        {%- for column in columns %},
        duration_percentiles.{{ column }}_p_value,
        {%- for name in ['median', 'p90', 'p95'] %}
        {{ nth('duration_percentiles.' ~ column ~ '_percentiles', loop.index) }} as {{ column }}_{{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
        {%- endfor %}
    from duration_sums
    inner join duration_percentiles
        on
            {%- for key in keys %}
            {{ 'and ' if not loop.first }}duration_sums.{{ key }} = duration_percentiles.{{ key }}
            {%- endfor %}

),

{%- set blocks = {} %}
{%- for metric in ticket_duration_metrics() %}
{%- set kpis = [] %}
{%- for clock in clocks %}
{%- set minutes = clock ~ '_minutes' %}
{%- set log_minutes = clock ~ '_log_minutes' %}
{%- set name = metric ~ '_' ~ minutes %}
{%- set n = minutes ~ '_n' %}
{%- set is_few = minutes ~ '_is_few' %}
{%- set average = mean_kpi(name ~ '_avg', minutes ~ '_sum', minutes ~ '_squares', n, is_few=is_few) %}
{#- the averages are tested on ln(1 + minutes), which is nearer to normal #}
{%- do average.update({
    'mean': log_minutes ~ '_sum / nullif(' ~ n ~ ', 0)',
    'variance': variance_of_sums(log_minutes ~ '_sum', log_minutes ~ '_squares', n),
}) %}
{%- do kpis.extend([
    average,
    {
        'kpi': name ~ '_median', 'n': n, 'is_few': is_few,
        'value': minutes ~ '_median', 'p_value': minutes ~ '_p_value',
    },
    {'kpi': name ~ '_p90', 'n': n, 'is_few': is_few, 'value': minutes ~ '_p90'},
    {'kpi': name ~ '_p95', 'n': n, 'is_few': is_few, 'value': minutes ~ '_p95'},
]) %}
{%- endfor %}
{%- do blocks.update({metric: kpis}) %}

{{ metric }} as (

    select * from duration_measures
    where metric = '{{ metric }}'

),
{%- endfor %}

{%- set counts = {} %}
{%- set few = {} %}
{%- set kpis = [] %}
{%- for kpi, flag in rates.items() %}
{%- do few.update({kpi ~ '_is_few': flag ~ ' is not null'}) %}
{%- do counts.update({
    kpi ~ '_successes': units_where(flag),
    kpi ~ '_trials': units_where(flag ~ ' is not null'),
}) %}
{%- do kpis.append(rate_kpi(kpi, kpi ~ '_successes', kpi ~ '_trials', kpi ~ '_is_few')) %}
{%- endfor %}
{%- do blocks.update({'solve_measures': kpis}) %}

solve_measures as (

    {{ grouped_measures('solves', 'event_date', ticket_dimensions(), counts, few) }}

),

final as (

    {{ family_kpis('response_time', blocks) }}

)

select * from final
