-- Grain: metric × grain × period_start × slot × dimension × dimension_value: exact percentiles of the durations of tickets on
-- both clocks, and whether their medians changed.
{{ config(
    pre_hook="{{ let_statements_fill_memory() }}",
    post_hook="""{{ insert_percentile_parts(
        ref('int_ticket_durations'), 'event_date', ['all'] + ticket_dimensions(), ['calendar_minutes', 'business_minutes'],
        [0.5, 0.9, 0.95], ['metric'], months=ref('int_ticket_duration_months'),
    ) }}""",
    **kept_by_period('response_time')
) }}

{{ percentiles_in_parts(
    ref('int_ticket_durations'), 'event_date', ['all'] + ticket_dimensions(), ['calendar_minutes', 'business_minutes'],
    [0.5, 0.9, 0.95], ['metric'], months=ref('int_ticket_duration_months'),
) }}
