-- Grain: one published ticket that can change with time alone, without anything arriving: it is not solved, somebody waits, a
-- service level is unfulfilled, or it happened so lately that a window is still open.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'ticket_number': 'ticket_number'}},
) }}
{%- set settled_after_days = var('fcr_window_days') + 2 %}

with numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

measures as (

    select * from {{ ref('int_ticket_measures') }}

),

open_turns as (

    select distinct ticket_number
    from {{ ref('int_ticket_turns') }}
    where outcome = 'open'

),

-- What has not been fulfilled goes on counting, even where it is breached already.
unfulfilled as (

    select distinct ticket_number
    from {{ ref('int_ticket_slas') }}
    where
        reason is null
        and fulfilled_at is null

),

last_events as (

    select
        ticket_number,
        max(happened_at) as last_happened_at
    from {{ ref('int_ticket_spine') }}
    group by ticket_number

),

final as (

    select numbers.ticket_number
    from numbers
    cross join {{ ref('int_as_of') }} as as_of
    left join measures on numbers.ticket_number = measures.ticket_number
    left join open_turns on numbers.ticket_number = open_turns.ticket_number
    left join unfulfilled on numbers.ticket_number = unfulfilled.ticket_number
    left join last_events on numbers.ticket_number = last_events.ticket_number
    where
        not numbers.is_opened
        or not coalesce({{ is_done('measures.last_status') }}, false)
        or not coalesce({{ is_done('numbers.status') }}, false)
        or open_turns.ticket_number is not null
        or unfulfilled.ticket_number is not null
        or {{ seconds_between('last_events.last_happened_at', 'as_of.as_of') }} < {{ settled_after_days * 86400 }}

)

select * from final
