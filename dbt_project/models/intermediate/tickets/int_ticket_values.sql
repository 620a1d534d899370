-- Grain: one stretch of a published ticket's life in which no event and no version of its row sets its team, assignee,
-- priority, category or schedule anew; the rows of int_ticket_spine with its values_number lie in it.
-- Team, priority, category and assignee are the events'; where no event says, those of the version of the ticket's row
-- then in force.
{%- set ticket_window = 'partition by ticket_number order by event_number' %}
{%- set before = 'unbounded preceding and 1 preceding' %}

with spine as (

    select
        *,
        -- '' is a value too: nobody, no team
        case when event_kind = 'assignment' then coalesce(agent_key, '') end as assignee_set,
        {%- for kind in ['team', 'priority', 'category'] %}
        case when event_kind = '{{ kind }}' then coalesce(event_value, '') end as {{ kind }}_set{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_ticket_spine') }}
    where event_kind in ('opened', 'version', {{ value_kinds() }})

),

history as (

    select * from {{ ref('int_ticket_history') }}

),

followed as (

    select
        ticket_number,
        values_number,
        event_number,
        happened_at,
        assignee_set,
        team_set,
        {{ last_known("nullif(assignee_set, '')", ticket_window, before) }} as assignee_before,
        {{ last_known("nullif(team_set, '')", ticket_window, before) }} as team_before,
        {%- for name in ['assignee', 'team', 'priority', 'category'] %}
        {{ last_known(name ~ '_set', ticket_window) }} as told_{{ name }},
        {%- endfor %}
        {{ last_known('ticket_version', ticket_window) }} as ticket_version
    from spine

),

final as (

    select
        followed.ticket_number,
        followed.values_number,
        followed.event_number,
        followed.happened_at,
        followed.ticket_version,
        followed.told_assignee,
        followed.told_team,
        followed.told_priority,
        followed.told_category,
        coalesce(followed.assignee_set <> followed.assignee_before and followed.assignee_set <> '', false) as is_handoff,
        coalesce(followed.team_set <> followed.team_before and followed.team_set <> '', false) as is_transfer,
        {%- for name in ['team', 'priority', 'category'] %}
        case when followed.told_{{ name }} is null then history.{{ name }} else nullif(followed.told_{{ name }}, '') end
            as {{ name }},
        {%- endfor %}
        case when followed.told_assignee is null then history.agent_key else nullif(followed.told_assignee, '') end
            as assignee,
        history.channel,
        history.product,
        {%- for name in declared_attributes('tickets') %}
        {{ attribute(name, 'history.attributes') }} as {{ name }},
        {%- endfor %}
        history.brand
    from followed
    inner join history
        on
            followed.ticket_number = history.ticket_number
            and followed.ticket_version = history.ticket_version

)

select * from final
