-- KPI rows of the family sla: one row per kpi, grain, period_start, slot, dimension and dimension_value.
{%- set metrics = sla_metrics() %}

with decided as (

    select * from {{ ref('int_ticket_slas') }}
    where
        is_inbound
        and state in ('met', 'breached')

),

grouped as (

    {{ grouped_units('decided', 'event_date', ticket_dimensions()) }}

),

measures as (

    select
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        count(*) as decided_count,
        sum(case when state = 'met' then 1 else 0 end) as met_count,
        {%- for metric in metrics %}
        sum(case when metric = '{{ metric }}' then 1 else 0 end) as {{ metric }}_decided,
        sum(case when metric = '{{ metric }}' and state = 'met' then 1 else 0 end) as {{ metric }}_met,
        count(distinct case when metric = '{{ metric }}' then respondent_key end) as {{ metric }}_respondents,
        {%- endfor %}
        count(distinct respondent_key) as respondents
    from grouped
    group by grain, period_start, slot, dimension, dimension_value

),

{%- set kpis = [rate_kpi('sla_attainment_rate', 'met_count', 'decided_count')] %}
{%- for metric in metrics %}
{%- set kpi = rate_kpi('sla_' ~ metric ~ '_attainment_rate', metric ~ '_met', metric ~ '_decided') %}
{%- do kpi.update({'respondents': metric ~ '_respondents'}) %}
{%- do kpis.append(kpi) %}
{%- endfor %}

final as (

    {{ kpi_rows('sla', 'measures', kpis) }}

)

select * from final
