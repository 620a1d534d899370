{# The KPIs of contacts, volume and effort, those of the mart kpi_support (see kpi_catalog for what an entry holds). #}
{% macro contact_kpis() %}
    {%- set durations = {
        "speed_of_answer_seconds": [
            "is_offered and is_answered and wait_seconds is not null", "seconds", "lower",
            "seconds a call or chat waited for its answer, by the day of the answer",
        ],
        "handle_minutes": [
            "handle_minutes is not null", "minutes", "neither",
            "minutes an agent was busy with a call or chat, by the day of the answer",
        ],
    } -%}
    {%- set rates = [
        [
            "service_level_rate", "higher", "int_ticket_live_contacts",
            "direction = 'inbound' and is_within_service_level is not null",
            "share of the calls and chats offered that were answered within " ~ var("service_level_seconds")
            ~ " seconds; abandoned ones count as not",
        ],
        [
            "contact_abandonment_rate", "lower", "int_ticket_live_contacts",
            "direction = 'inbound' and is_abandoned is not null",
            "share of the calls and chats offered that ended without an answer",
        ],
        [
            "ticket_escalation_rate", "lower", "int_ticket_resolutions", "is_escalated is not null",
            "share of resolved tickets that moved to a team of a higher tier",
        ],
        [
            "auto_solved_rate", "neither", "int_ticket_solves", "is_auto_solved is not null",
            "share of solved tickets a timer solved",
        ],
    ] -%}
    {%- set volumes = {
        "tickets_opened": ["neither", "tickets opened"],
        "tickets_solved": ["neither", "transitions to solved or closed"],
        "tickets_reopened": ["lower", "transitions out of solved or closed"],
        "tickets_net": ["lower", "opened + reopened - solved, what the backlog grew by"],
    } -%}
    {%- set efforts = {
        "replies_per_resolution": ["agent_reply_count", "replies", "mean public replies of agents to a resolved ticket"],
        "touches_per_resolution": ["touch_count", "touches", "mean touches of a resolved ticket"],
        "handoffs_per_ticket": ["handoff_count", "hand-offs", "mean changes of assignee after the first of a resolved ticket"],
        "transfers_per_ticket": ["transfer_count", "transfers", "mean changes of team after the first of a resolved ticket"],
        "escalations_per_ticket": [
            "escalation_count", "escalations", "mean moves of a resolved ticket to a team of a higher tier",
        ],
    } -%}
    {%- set of_support = {
        "mart": "kpi_support", "family": "support", "entities": ["tickets", "ticket_events"], "where": "true",
    } -%}
    {%- set groups = [] -%}
    {%- for kpi, (condition, unit, better, definition) in durations.items() -%}
        {%- set kpis = [] -%}
        {%- for suffix, (name, test) in duration_statistics().items() -%}
            {%- do kpis.append({
                "kpi": kpi ~ "_" ~ suffix, "unit": unit, "better": better,
                "definition": name ~ " of the " ~ definition, "test": test,
                "counted_with": kpi ~ "_avg" if suffix != "avg" else none,
            }) -%}
        {%- endfor -%}
        {%- do groups.append(dict(
            of_support, units="int_ticket_live_contacts", where="direction = 'inbound' and " ~ condition, kpis=kpis
        )) -%}
    {%- endfor -%}
    {%- for kpi, better, units, condition, definition in rates -%}
        {%- do groups.append(dict(of_support, units=units, where=condition, kpis=[
            {"kpi": kpi, "unit": "percent", "better": better, "definition": definition, "test": "rate"},
        ])) -%}
    {%- endfor -%}
    {%- for kpi, (better, definition) in volumes.items() -%}
        {%- do groups.append(dict(of_support, units="int_ticket_volume", kpis=[
            {"kpi": kpi, "unit": "tickets", "better": better, "definition": definition},
        ])) -%}
    {%- endfor -%}
    {%- for base in ["customers", "orders"] -%}
        {%- do groups.append(dict(of_support, units="int_ticket_contacts", kpis=[{
            "kpi": "contacts_per_100_" ~ base,
            "unit": "contacts per 100 " ~ base,
            "better": "lower",
            "definition": "inbound tickets opened, merged ones included, per 100 "
                ~ {"customers": "customers live on an average day", "orders": "orders"}[base],
        }])) -%}
    {%- endfor -%}
    {%- for kpi, (column, unit, definition) in efforts.items() -%}
        {%- do groups.append(dict(of_support, units="int_ticket_resolutions", where=column ~ " is not null", kpis=[
            {"kpi": kpi, "unit": unit, "better": "lower", "definition": definition, "test": "mean"},
        ])) -%}
    {%- endfor -%}
    {%- do groups.append(dict(of_support, entities=["feedback"], units="int_ticket_csat_answers", kpis=[{
        "kpi": "ticket_csat",
        "unit": "percent",
        "better": "higher",
        "definition": "share of satisfied answers in those that name a ticket, credited to team and assignee at the solve",
        "test": "rate",
    }])) -%}
    {{- return(groups) -}}
{% endmacro %}
