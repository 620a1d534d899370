-- Grain: metric × month × dimension × unit_value: what the durations of tickets add up to, from which all time is made.
{%- set spread = spread_measures(['calendar_minutes', 'business_minutes']) %}
{{ config(**kept_by_period('response_time', grain="'month'")) }}

{{ month_measures(
    ref('int_ticket_durations'), 'event_date', ticket_dimensions(), spread.sums, spread.few, by=['metric']
) }}
