-- Grain: one run of local days [first_date, end_date) at whose ends a published ticket stood unsolved with the same
-- dimension values. The segment is that of the run's first day.

with spine as (

    select
        *,
        {{ local_date('happened_at') }} as happened_date,
        case when not is_last then {{ local_date('next_happened_at') }} end as next_date
    from {{ ref('int_ticket_spine') }}

),

tickets as (

    select * from {{ ref('int_tickets') }}

),

history as (

    select * from {{ ref('int_ticket_history') }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

-- The state a ticket ends its day in is that after the day's last row.
day_ends as (

    select
        *,
        coalesce(not {{ is_done('status') }}, false) as is_unsolved
    from spine
    where
        is_last
        or next_date > happened_date

),

compared as (

    select
        *,
        lag(concat_ws(
            '|', is_unsolved, coalesce(team, '?'), coalesce(assignee, '?'), coalesce(priority, '?'),
            coalesce(category, '?'), ticket_version
        )) over (partition by source, ticket_id order by event_number) as previous_state,
        concat_ws(
            '|', is_unsolved, coalesce(team, '?'), coalesce(assignee, '?'), coalesce(priority, '?'),
            coalesce(category, '?'), ticket_version
        ) as state
    from day_ends

),

runs as (

    select
        *,
        lead(happened_date) over (partition by source, ticket_id order by event_number) as following_date
    from compared
    where
        previous_state is null
        or previous_state <> state

),

final as (

    select
        runs.source,
        runs.ticket_id,
        {{ local_date('tickets.created_at') }} as created_date,
        runs.happened_date as first_date,
        coalesce(runs.following_date, {{ add_days('as_of.as_of_date', 1) }}) as end_date,
        history.channel,
        case when runs.priority is null then history.priority else nullif(runs.priority, '') end as priority,
        case when runs.team is null then history.team else nullif(runs.team, '') end as team,
        case when runs.assignee is null then history.agent_key else nullif(runs.assignee, '') end as agent,
        case when runs.category is null then history.category else nullif(runs.category, '') end as category,
        customers.segment,
        history.product,
        {%- for name in declared_attributes('tickets') %}
        {{ attribute(name, 'history.attributes') }} as {{ name }},
        {%- endfor %}
        history.brand
    from runs
    cross join as_of
    inner join tickets
        on
            runs.source = tickets.source
            and runs.ticket_id = tickets.ticket_id
    inner join history
        on
            runs.source = history.source
            and runs.ticket_id = history.ticket_id
            and runs.ticket_version = history.ticket_version
    left join customers
        on {{ in_force('customers', 'tickets.customer_key', 'runs.happened_at') }}
    where runs.is_unsolved

)

select * from final
