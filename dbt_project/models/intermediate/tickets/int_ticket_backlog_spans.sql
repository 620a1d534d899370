-- Grain: one run of local days [first_date, end_date) at whose ends a published ticket stood unsolved with the same
-- dimension values. The segment is that of the run's first day.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with spine as (

    select
        ticket_number,
        event_number,
        values_number,
        happened_at,
        is_last,
        coalesce(not {{ is_done('status') }}, false) as is_unsolved,
        {{ local_date('happened_at') }} as happened_date,
        case when not is_last then {{ local_date('next_happened_at') }} end as next_date
    from {{ ref('int_ticket_spine') }}

),

tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

ticket_values as (

    select * from {{ ref('int_ticket_values') }}

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
        spine.*,
        concat_ws(
            '|', spine.is_unsolved, coalesce(ticket_values.told_team, '?'), coalesce(ticket_values.told_assignee, '?'),
            coalesce(ticket_values.told_priority, '?'), coalesce(ticket_values.told_category, '?'), ticket_values.ticket_version
        ) as state
    from spine
    inner join ticket_values
        on
            spine.ticket_number = ticket_values.ticket_number
            and spine.values_number = ticket_values.values_number
    where
        spine.is_last
        or spine.next_date > spine.happened_date

),

compared as (

    select
        *,
        lag(state) over (partition by ticket_number order by event_number) as previous_state
    from day_ends

),

runs as (

    select
        *,
        lead(happened_date) over (partition by ticket_number order by event_number) as following_date
    from compared
    where
        previous_state is null
        or previous_state <> state

),

final as (

    select
        runs.ticket_number,
        tickets.created_date,
        runs.happened_date as first_date,
        coalesce(runs.following_date, {{ add_days('as_of.as_of_date', 1) }}) as end_date,
        {{- values_in_force('ticket_values', 'customers') }}
        runs.happened_at as first_at
    from runs
    cross join as_of
    inner join tickets on runs.ticket_number = tickets.ticket_number
    inner join ticket_values
        on
            runs.ticket_number = ticket_values.ticket_number
            and runs.values_number = ticket_values.values_number
    left join customers
        on {{ in_force('customers', 'tickets.customer_key', 'runs.happened_at') }}
    where runs.is_unsolved

)

select * from final
