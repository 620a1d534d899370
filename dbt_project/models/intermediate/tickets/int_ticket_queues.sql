-- Grain: one published ticket whose first touch ended a live wait: since when the customer had waited, and what the
-- ticket's business clock read then.

with waiting as (

    select
        ticket_number,
        first_touch_at,
        first_touch_micros,
        case
            when first_touch_wait_seconds is not null
                then {{ add_micros('first_touch_at', 'round(-1000000.0 * first_touch_wait_seconds)') }}
            else first_touch_waiting_since
        end as waiting_since
    from {{ ref('int_ticket_measures') }}
    where
        first_touch_wait_seconds is not null
        or first_touch_waiting_since is not null

),

states as (

    select
        *,
        case
            -- before its opening a ticket was under the schedule it opened with
            when row_number() over (partition by ticket_number order by event_number) = 1
                then {{ beginning_of_time() }}
            else started_at
        end as holds_from
    from {{ ref('int_ticket_states') }}

),

pieces as (

    select * from {{ ref('int_schedule_pieces') }}

),

final as (

    select
        waiting.ticket_number,
        waiting.waiting_since,
        case
            -- who did not wait has not waited, under unknown hours either
            when waiting.waiting_since = waiting.first_touch_at then waiting.first_touch_micros
            else
                states.started_micros
                + {{ open_micros_at('pieces', 'waiting.waiting_since') }}
                - {{ open_micros_at('starting_pieces', 'states.started_at') }}
        end as open_micros
    from waiting
    inner join states
        on
            waiting.ticket_number = states.ticket_number
            and waiting.waiting_since >= states.holds_from
            and waiting.waiting_since < states.ended_at
    left join pieces
        on {{ piece_at('pieces', 'states.schedule_id', 'waiting.waiting_since') }}
    left join pieces as starting_pieces
        on {{ piece_at('starting_pieces', 'states.schedule_id', 'states.started_at') }}

)

select * from final
