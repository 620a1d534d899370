-- Grain: one run of a clock a target is held against: a published ticket × metric (× turn, for next_response), from its
-- start to its fulfilment or as_of, numbered. What is never judged is here too, with the reason.
{#- A number of what tells a run, so that none has to be put in order for it: of a ticket's million, four a turn. -#}
{%- set run_number = "runs.ticket_number * 1000000 + runs.turn_number * 4 + case runs.metric"
    ~ " when 'first_response' then 0 when 'next_response' then 1 when 'full_resolution' then 2 else 3 end" %}

with outcomes {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_outcomes') }}

),

moments {{ as_read_anew() }} (

    select * from {{ ref('int_ticket_moments') }}

),

turns as (

    select * from {{ ref('int_ticket_turns') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

answering as (

    select
        *,
        max(case when event_kind = 'row_response' then 1 else 0 end) over (partition by ticket_number) = 1
            as has_row_response
    from moments
    where
        is_touch
        or is_done_now
        or event_kind = 'row_response'

),

-- The first answer: a touch, or the solve that made one needless; of a row without events, what it states.
answers as (

    select
        ticket_number,
        -- touches do not answer where the row says what did
        case when has_row_response then 0 else turn_number end as turn_number,
        event_number,
        happened_at,
        open_micros,
        is_date_only,
        case when is_touch or event_kind = 'row_response' then 'reply' else 'solve' end as met_by,
        row_number() over (
            partition by ticket_number, case when has_row_response then 0 else turn_number end order by event_number
        ) as place
    from answering
    where not (is_touch and has_row_response)

),

first_responses as (

    select
        outcomes.ticket_number,
        'first_response' as metric,
        0 as turn_number,
        outcomes.clock_started_at as started_at,
        outcomes.clock_started_number as started_number,
        outcomes.clock_started_micros as started_micros,
        answers.happened_at as fulfilled_at,
        answers.event_number as fulfilled_number,
        answers.open_micros as fulfilled_micros,
        answers.met_by,
        outcomes.as_of_micros,
        outcomes.is_inbound,
        outcomes.has_event_history,
        outcomes.status,
        outcomes.is_clock_inexact or coalesce(answers.is_date_only, false) as is_inexact,
        outcomes.is_status_inexact
    from outcomes
    left join answers
        on
            outcomes.ticket_number = answers.ticket_number
            and outcomes.clock_started_turn = answers.turn_number
            and answers.place = 1

),

resolutions as (

    select
        outcomes.ticket_number,
        metrics.metric,
        0 as turn_number,
        outcomes.clock_started_at as started_at,
        outcomes.clock_started_number as started_number,
        outcomes.clock_started_micros as started_micros,
        outcomes.resolved_at as fulfilled_at,
        case when outcomes.resolved_at is not null then outcomes.last_solve_number end as fulfilled_number,
        outcomes.last_solve_micros as fulfilled_micros,
        case when outcomes.resolved_at is not null then 'solve' end as met_by,
        outcomes.as_of_micros,
        outcomes.is_inbound,
        outcomes.has_event_history,
        outcomes.status,
        outcomes.is_clock_inexact or coalesce(solves.is_date_only, false) as is_inexact,
        outcomes.is_status_inexact
    from outcomes
    cross join (
        select 'full_resolution' as metric
        union all
        select 'requester_wait' as metric
    ) as metrics
    left join moments as solves
        on
            outcomes.ticket_number = solves.ticket_number
            and outcomes.last_solve_number = solves.event_number
            and outcomes.resolved_at is not null

),

next_responses as (

    select
        turns.ticket_number,
        'next_response' as metric,
        turns.turn_number,
        turns.turn_started_at as started_at,
        turns.started_number,
        turns.started_micros,
        turns.turn_ended_at as fulfilled_at,
        turns.ended_number as fulfilled_number,
        turns.ended_micros as fulfilled_micros,
        case turns.outcome when 'replied' then 'reply' when 'solved' then 'solve' end as met_by,
        outcomes.as_of_micros,
        outcomes.is_inbound,
        outcomes.has_event_history,
        outcomes.status,
        turns.is_inexact,
        outcomes.is_status_inexact
    from turns
    inner join outcomes on turns.ticket_number = outcomes.ticket_number

),

runs as (

    select * from first_responses
    union all
    select * from resolutions
    union all
    select * from next_responses

),

final as (

    select
        {{ run_number }} as run_number,
        runs.ticket_number,
        runs.metric,
        cast(runs.turn_number as bigint) as turn_number,
        runs.started_at,
        {{ local_date('runs.started_at') }} as started_date,
        runs.started_number,
        runs.started_micros,
        runs.fulfilled_at,
        runs.fulfilled_number,
        runs.met_by,
        coalesce(runs.fulfilled_at, as_of.as_of) as ended_at,
        case when runs.fulfilled_at is null then runs.as_of_micros else runs.fulfilled_micros end as ended_micros,
        runs.is_inbound,
        runs.has_event_history,
        runs.is_status_inexact,
        case
            when runs.started_at is null or runs.fulfilled_at < runs.started_at then 'no_clock'
            when runs.is_inexact then 'inexact_time'
            when not runs.has_event_history and (
                runs.metric = 'requester_wait'
                -- done at an instant nobody states
                or (runs.fulfilled_at is null and {{ is_done('runs.status') }})
            ) then 'no_events'
            when runs.metric = 'requester_wait' and runs.is_status_inexact then 'inexact_time'
        end as reason
    from runs
    cross join as_of

)

select * from final
