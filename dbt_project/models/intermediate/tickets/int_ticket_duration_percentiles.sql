-- Grain: metric × grain × period_start × slot × dimension × dimension_value: exact percentiles of the durations of tickets on
-- both clocks, and whether their medians changed. One dimension a statement, so that memory holds one at a time.
{%- set columns = ['calendar_minutes', 'business_minutes'] %}
{%- set shares = [0.5, 0.9, 0.95] %}
{{ config(post_hook=grouped_percentiles_inserts(
    'int_ticket_durations', 'event_date', ticket_dimensions(), columns, shares, ['metric'], 'int_ticket_duration_months'
), **kept_by_period('response_time')) }}

{{ grouped_percentiles(
    ref('int_ticket_durations'), 'event_date', ['all'], columns, shares, ['metric'],
    months=ref('int_ticket_duration_months'),
) }}
