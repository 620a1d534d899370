{#- Tickets: the rules of a ticket's history that more than one model uses. -#}

{#- The value of the latest row of the window so far in which an expression is not null. -#}
{% macro last_known(expression, window, frame='unbounded preceding and current row') -%}
    {{ adapter.dispatch('last_known')(expression, window, frame) }}
{%- endmacro %}

{% macro default__last_known(expression, window, frame) -%}
    last_value({{ expression }}) ignore nulls over ({{ window }} rows between {{ frame }})
{%- endmacro %}

{% macro duckdb__last_known(expression, window, frame) -%}
    last_value({{ expression }} ignore nulls) over ({{ window }} rows between {{ frame }})
{%- endmacro %}

{#- A 64-bit hash of several columns, nulls told from each other's places. Equal rows have equal hashes; the
    reverse is not promised, so a hash only picks out candidates. -#}
{% macro row_hash(columns) -%}
    {{ adapter.dispatch('row_hash')(columns) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}

{% macro duckdb__row_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{#- The order of one ticket's events. Beside the instant nothing counts that depends on how or in which order
    files came: then what must come first for the rest to make sense (`event_rank`), then the id, shorter ids
    first, which is the order of growing numbers. -#}
{% macro event_order() -%}
    happened_at, event_rank, id_length, event_id
{%- endmacro %}

{#- What the customer sees is a reply, what not a note, whatever the source calls it. -#}
{% macro event_kind(events) -%}
    case
            when {{ events }}.event_type in ('reply', 'note') then case when {{ events }}.is_public then 'reply' else 'note' end
            when {{ events }}.event_type = 'call' and not {{ events }}.is_public then 'other'
            else {{ events }}.event_type
        end
{%- endmacro %}

{#- The kinds of events that set a value of their ticket, as a list of texts. -#}
{% macro value_kinds() -%}
    'assignment', 'team', 'priority', 'category', 'schedule'
{%- endmacro %}

{% macro is_done(status) -%}
    {{ status }} in ('solved', 'closed')
{%- endmacro %}

{#- A duration in minutes, never negative; null where either end is unknown or a date without a time. -#}
{% macro duration_minutes(earlier, later, inexact='false') -%}
    case
        when {{ earlier }} is null or {{ later }} is null or {{ inexact }} then null
        else greatest({{ minutes_between(earlier, later) }}, 0.0)
    end
{%- endmacro %}

{#- The dimensions of the ticket KPIs: those of the definitions, then the declared attributes of tickets. -#}
{% macro ticket_dimensions() -%}
    {{ return(
        ['channel', 'priority', 'team', 'agent', 'category', 'segment', 'product', 'brand']
        + (declared_attributes('tickets') | list)
    ) }}
{%- endmacro %}

{#- The durations of a ticket; each has its `…_calendar_minutes` and `…_business_minutes`. -#}
{% macro ticket_durations() -%}
    {{ return([
        'first_response', 'first_bot_response', 'first_response_after_handover', 'next_response',
        'first_resolution', 'resolution', 'requester_wait', 'agent_wait', 'on_hold', 'unassigned',
    ]) }}
{%- endmacro %}

{#- Select-list items, each followed by a comma: the dimension values of a stretch of int_ticket_values, and the
    customer's segment. `actor` is the agent the row belongs to, where it belongs to more than the assignee. -#}
{% macro values_in_force(stretch, customers, actor=none) -%}
    {%- for name in ticket_dimensions() if name not in ['agent', 'segment'] %}
    {{ stretch }}.{{ name }},
    {%- endfor %}
    {{ 'coalesce(' ~ actor ~ ', ' ~ stretch ~ '.assignee)' if actor else stretch ~ '.assignee' }} as agent,
    {{ customers }}.segment,
{%- endmacro %}

{#- What a service level can be promised for, as the seed sla_targets names it. -#}
{% macro sla_metrics() -%}
    {{ return(['first_response', 'next_response', 'full_resolution', 'requester_wait']) }}
{%- endmacro %}

{#- The rates of promises kept, all and by metric: KPI -> [whether a promise counts, whether it is kept]. -#}
{% macro sla_attainment_rates() -%}
    {%- set rates = {"sla_attainment_rate": ["true", "state = 'met'"]} -%}
    {%- for metric in sla_metrics() -%}
        {%- set of_metric = "metric = '" ~ metric ~ "'" -%}
        {%- do rates.update({"sla_" ~ metric ~ "_attainment_rate": [of_metric, of_metric ~ " and state = 'met'"]}) -%}
    {%- endfor -%}
    {{- return(rates) -}}
{%- endmacro %}
