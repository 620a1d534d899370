-- Grain: one opening, solve or reopening of a published ticket, with the dimension values then in force.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}

with moments as (

    select * from {{ ref('int_ticket_moments') }}
    where
        (event_kind = 'opened' and status is not null)
        or is_done_now
        or is_reopen

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

final as (

    select
        moments.source,
        moments.ticket_number,
        numbers.respondent_key,
        numbers.created_date,
        moments.happened_date,
        moments.event_kind,
        moments.is_done_now,
        moments.is_reopen,
        {%- for dimension in ticket_dimensions() %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from moments
    inner join numbers on moments.ticket_number = numbers.ticket_number

)

select * from final
