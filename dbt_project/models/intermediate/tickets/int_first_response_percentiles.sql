-- Grain: grain × period_start × dimension × dimension_value: exact percentiles of the first responses to the inbound
-- tickets created in the period.
{{ config(
    pre_hook="{{ let_statements_fill_memory() }}",
    post_hook="""{{ insert_percentile_parts(
        ref('int_ticket_first_responses'), 'event_date', ['all'] + ticket_dimensions(), ['calendar_minutes'], [0.5, 0.9],
        compared=false,
    ) }}""",
    **kept_by_period('first_response_by_created')
) }}

{{ percentiles_in_parts(
    ref('int_ticket_first_responses'), 'event_date', ['all'] + ticket_dimensions(), ['calendar_minutes'], [0.5, 0.9],
    compared=false,
) }}
