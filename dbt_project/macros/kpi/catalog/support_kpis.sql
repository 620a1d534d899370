{# The durations of tickets that are KPIs: metric of int_ticket_durations -> what it lasts, and whose day it counts in. #}
{% macro ticket_duration_metrics() %}
    {%- set until_solved = ", of tickets solved now, by the day of the last solve" -%}
    {{- return({
        "first_response": "created to the first touch, by the day of the reply",
        "first_bot_response": "created to a bot's first reply, by its day",
        "first_response_after_handover": "a bot's hand-over to the next touch, by the day of the reply",
        "next_response": "a customer's first unanswered message to the next touch, by the day of the reply",
        "first_resolution": "created to the first solve, by its day",
        "resolution": "created to the last solve of tickets solved now, by its day",
        "requester_wait": "time in new, open and on hold" ~ until_solved,
        "agent_wait": "time pending" ~ until_solved,
        "on_hold": "time on hold" ~ until_solved,
        "unassigned": "time without an assignee" ~ until_solved,
    }) -}}
{% endmacro %}

{# What is published of a duration: suffix -> name, and test of its change. #}
{% macro duration_statistics() %}
    {{- return({
        "avg": ["mean", "mean"],
        "median": ["median", "given"],
        "p90": ["90th percentile", none],
        "p95": ["95th percentile", none],
    }) -}}
{% endmacro %}

{# The support KPIs (see kpi_catalog for what an entry holds). #}
{% macro support_kpis() %}
    {%- set rates = {
        "fcr_rate": [
            "is_first_contact_resolved", var("fcr_window_days"),
            "share of solved tickets with one touch and no reopening, follow-up or new ticket within the window",
        ],
        "one_touch_rate": ["is_one_touch", 0, "share of solved and answered tickets with exactly one touch"],
        "reopen_rate": [
            "is_reopened_or_followed_up", var("fcr_window_days"),
            "share of solved tickets reopened or followed up within the window",
        ],
        "self_served_rate": [
            "is_self_served", 0, "share of solved tickets the customer or a bot solved without a touch",
        ],
        "bot_contained_rate": [
            "is_bot_contained", var("fcr_window_days"),
            "share of solved tickets a bot answered that ended without a touch or a way back within the window",
        ],
    } -%}
    {%- set groups = [] -%}
    {%- for metric, definition in ticket_duration_metrics().items() -%}
        {%- set kpis = [] -%}
        {%- for clock in ["calendar", "business"] -%}
            {%- for suffix, (name, test) in duration_statistics().items() -%}
                {%- do kpis.append({
                    "kpi": metric ~ "_" ~ clock ~ "_minutes_" ~ suffix,
                    "unit": clock ~ " minutes",
                    "better": "lower",
                    "definition": name ~ " of " ~ definition,
                    "test": test,
                    "counted_with": metric ~ "_" ~ clock ~ "_minutes_avg" if suffix != "avg" else none,
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do groups.append({
            "mart": "kpi_response_time",
            "family": "response_time",
            "entities": ["tickets", "ticket_events"],
            "units": "int_ticket_durations",
            "where": "metric = '" ~ metric ~ "'",
            "kpis": kpis,
        }) -%}
    {%- endfor -%}
    {%- for kpi, (flag, window_days, definition) in rates.items() -%}
        {%- do groups.append({
            "mart": "kpi_response_time",
            "family": "response_time",
            "entities": ["tickets", "ticket_events"],
            "units": "int_ticket_solves",
            "where": flag ~ " is not null",
            "window_days": window_days,
            "kpis": [{
                "kpi": kpi, "unit": "percent", "better": "lower" if kpi == "reopen_rate" else "higher",
                "definition": definition, "test": "rate",
            }],
        }) -%}
    {%- endfor -%}
    {%- set promises = {
        "sla_attainment_rate": ["true", "every promise"],
        "sla_first_response_attainment_rate": ["metric = 'first_response'", "first responses"],
        "sla_next_response_attainment_rate": ["metric = 'next_response'", "next responses"],
        "sla_full_resolution_attainment_rate": ["metric = 'full_resolution'", "full resolutions"],
        "sla_requester_wait_attainment_rate": ["metric = 'requester_wait'", "waits of the requester"],
    } -%}
    {%- for kpi, (condition, what) in promises.items() -%}
        {%- do groups.append({
            "mart": "kpi_response_time",
            "family": "response_time",
            "entities": ["tickets", "ticket_events"],
            "units": "int_ticket_slas",
            "where": "is_inbound and state in ('met', 'breached') and " ~ condition,
            "kpis": [{
                "kpi": kpi,
                "unit": "percent",
                "better": "higher",
                "definition": "share met of the service levels met or breached, of " ~ what ~ ", by the day of that",
                "test": "rate",
            }],
        }) -%}
    {%- endfor -%}
    {{- return(groups) -}}
{% endmacro %}
