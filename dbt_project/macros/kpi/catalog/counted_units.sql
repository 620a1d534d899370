{#
  What the KPIs count, by family and by the name its model gives it: the model the units stand in, the condition they
  meet, their day, and the dimensions they are told by. `units_of` reads them; what a night touches follows from them.
  Two marts that count by period beside the KPIs are families of their own.
#}
{% macro counted_units() %}
    {%- set tickets = ticket_dimensions() -%}
    {%- set surveys = survey_dimensions() -%}
    {%- set journeys = journey_dimensions() -%}
    {%- set of_customers = "respondent_type = 'customer'" -%}
    {{- return({
        "nps": {
            "answers": units("int_feedback_answers", surveys, where="nps_class is not null and " ~ of_customers),
        },
        "csat": {
            "answers": units("int_feedback_answers", surveys, where="is_satisfied is not null and " ~ of_customers),
        },
        "ces": {
            "answers": units("int_feedback_answers", surveys, where="effort_score is not null and " ~ of_customers),
        },
        "feedback": {
            "invitations": units(
                "int_feedback_submissions", surveys, "invited_date", "invited_date is not null and " ~ of_customers
            ),
            "forms": units(
                "int_feedback_submissions", surveys, "responded_date", "responded_date is not null and " ~ of_customers
            ),
            "rating_answers": units(
                "int_feedback_answers", surveys, where="metric = 'rating' and is_answered and " ~ of_customers
            ),
            "pillar_answers": units(
                "int_feedback_answers", surveys,
                where="metric in ('" ~ cx_pillars() | join("', '") ~ "') and is_answered and " ~ of_customers
            ),
            "csat_answers": units("int_feedback_answers", surveys, where="is_satisfied is not null"),
            "nps_answers": units("int_feedback_answers", surveys, where="nps_class is not null"),
        },
        "response_time": {
            "durations": units("int_ticket_durations", tickets),
            "solves": units("int_ticket_solves", tickets),
            "promises": units("int_ticket_slas", tickets, where="is_inbound and state in ('met', 'breached')"),
        },
        "support": {
            "live_contacts": units("int_ticket_live_contacts", tickets, where="direction = 'inbound'"),
            "volume": units("int_ticket_volume", tickets, "happened_date"),
            "contacts": units("int_ticket_contacts", tickets),
            "resolutions": units("int_ticket_resolutions", tickets),
            "solves": units("int_ticket_solves", tickets),
            "answers": units("int_ticket_csat_answers", tickets),
            "bases": units("int_ticket_contact_bases", [], "date_day", matters="amount <> 0"),
        },
        "journey": {
            "outcomes": units("int_journey_outcomes", journeys),
            "steps": units("int_journey_steps", ["journey_stage", "touchpoint"]),
            "answers": units("int_feedback_answers", ["channel"], where="is_satisfied is not null and " ~ of_customers),
        },
        "first_response_by_created": {
            "units": units("int_ticket_first_responses", tickets),
        },
        "backlog": {
            "volume": units("int_ticket_volume", tickets, "happened_date"),
            "first_days": units("int_ticket_backlog_spans", [], "first_date", columns=tickets + ["created_date", "first_date"]),
            "last_days": units("int_ticket_backlog_spans", [], "end_date"),
        },
    }) -}}
{% endmacro %}

{#-
  One entry of `counted_units`. Rows for which `matters` does not hold change nothing by coming or going, nor do columns
  that are not among `columns`.
-#}
{% macro units(model, dimensions, date_column="event_date", where="true", matters="true", columns=["*"]) %}
    {{- return({
        "model": model, "dimensions": dimensions, "date_column": date_column, "where": where, "matters": matters,
        "columns": columns,
    }) -}}
{% endmacro %}

{#- A select of the units of a family that its model calls by this name. -#}
{% macro units_of(family, name) %}
    {%- set entry = counted_units()[family][name] -%}
    select * from {{ ref(entry.model) }}
    {%- if entry.where != "true" %}
    where {{ entry.where }}
    {%- endif %}
{% endmacro %}

{# The pillars of the CX index. #}
{% macro cx_pillars() %}{{ return(["useful", "usable", "enjoyable"]) }}{% endmacro %}
